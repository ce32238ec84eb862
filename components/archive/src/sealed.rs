//! What of an epoch becomes part of the checkpoint: all but the logs.
//!
//! Everything has its name in it, for it may be read by another process, after a crash.

use std::sync::Arc;

use anyhow::Context as _;
use logd_sdk::{ComponentId, snapshot};
use serde::{Deserialize, Serialize};

use crate::board::{Counts, Spoke};
use crate::events::WholeAnomaly;
use crate::series::{Cell, SeriesName};

/// The version of the form.
const VERSION: u8 = 1;

/// What an epoch says of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceDelta {
    pub(crate) pipeline: Arc<str>,
    pub(crate) service: Arc<str>,
    pub(crate) counts: Counts,
    pub(crate) spoke: Spoke,
}

/// What an epoch says of a series: cells by second, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SeriesDelta {
    pub(crate) name: Arc<SeriesName>,
    pub(crate) cells: Vec<(i64, Cell)>,
}

/// What came in one epoch of a feed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct EpochPart {
    pub(crate) epoch: u64,
    pub(crate) services: Vec<ServiceDelta>,
    pub(crate) series: Vec<SeriesDelta>,
    pub(crate) anomalies: Vec<Arc<WholeAnomaly>>,
}

/// What a feed keeps in a checkpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sealed {
    /// The last epoch of it.
    pub(crate) epoch: u64,
    /// The epochs that were not applied when it was sealed, in order: as a rule the last one only.
    pub(crate) parts: Vec<Arc<EpochPart>>,
}

/// An anomaly's pipeline and detector, and its event as JSON: `postcard` has no form for what JSON may be.
type Told = (String, String, String);

#[derive(Serialize)]
struct WirePart<'p> {
    epoch: u64,
    services: &'p [ServiceDelta],
    series: &'p [SeriesDelta],
    anomalies: Vec<Told>,
}

#[derive(Deserialize)]
struct ReadPart {
    epoch: u64,
    services: Vec<ServiceDelta>,
    series: Vec<SeriesDelta>,
    anomalies: Vec<Told>,
}

impl Sealed {
    pub(crate) fn encode(&self) -> anyhow::Result<Vec<u8>> {
        let told = |whole: &Arc<WholeAnomaly>| {
            (whole.anomaly.pipeline.clone(), whole.anomaly.detector.clone(), whole.event.to_string())
        };
        let parts = self.parts.iter().map(|part| WirePart {
            epoch: part.epoch,
            services: &part.services,
            series: &part.series,
            anomalies: part.anomalies.iter().map(told).collect(),
        });
        snapshot::encode(VERSION, &(self.epoch, parts.collect::<Vec<_>>()))
    }

    pub(crate) fn decode(bytes: &[u8]) -> anyhow::Result<Self> {
        let (epoch, parts): (u64, Vec<ReadPart>) = snapshot::decode(VERSION, bytes)?;
        let parts = parts.into_iter().map(|part| {
            let anomalies = part.anomalies.into_iter().map(|(pipeline, detector, event)| {
                let event = serde_json::from_str(&event)?;
                anyhow::Ok(Arc::new(WholeAnomaly::read(&ComponentId::new(&pipeline, &detector), event)?))
            });
            let anomalies = anomalies.collect::<anyhow::Result<_>>()?;
            Ok(Arc::new(EpochPart { epoch: part.epoch, services: part.services, series: part.series, anomalies }))
        });
        let parts = parts.collect::<anyhow::Result<_>>().context("an anomaly in a checkpoint can't be read")?;
        Ok(Self { epoch, parts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::{Count, Kind};
    use crate::tests::anomaly;

    #[test]
    fn it_comes_back_as_it_was() {
        let name = SeriesName {
            kind: Kind::Count,
            pipeline: "p".to_owned(),
            component: String::new(),
            service: "web".to_owned(),
            metric: String::new(),
        };
        let cell = Cell::Count(Count { logs: 3, errors: 1, timed: 0, time: 0 });
        let part = EpochPart {
            epoch: 7,
            services: vec![ServiceDelta {
                pipeline: "p".into(),
                service: "web".into(),
                counts: Counts { logs: 3, ..Counts::default() },
                spoke: Spoke::default(),
            }],
            series: vec![SeriesDelta { name: Arc::new(name), cells: vec![(-10, cell)] }],
            anomalies: vec![Arc::new(anomaly("a", "i", "web", crate::Change::Open, 0))],
        };
        let sealed = Sealed { epoch: 7, parts: vec![Arc::new(part)] };
        let bytes = sealed.encode().unwrap();
        assert_eq!(Sealed::decode(&bytes).unwrap(), sealed);
        assert!(Sealed::decode(&bytes[..bytes.len() - 1]).is_err());
        assert!(Sealed::decode(b"").is_err());
    }
}
