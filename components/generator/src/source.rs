//! The source: asks for lines when they are due. Each scenario has its own way with clocks and stops.

mod classic;
mod feed;
mod scenario;

use logd_sdk::source::{Next, Source};

pub(crate) use classic::ClassicSource;
pub(crate) use scenario::{ScenarioPlan, ScenarioSource};

/// A running generator: one partition, whose events stand at the numbers of their lines.
#[derive(Debug)]
pub struct GeneratorSource(Kind);

/// What it makes. In boxes, for they are large.
#[derive(Debug)]
enum Kind {
    Classic(Box<ClassicSource>),
    Scenario(Box<ScenarioSource>),
}

impl From<ClassicSource> for GeneratorSource {
    fn from(source: ClassicSource) -> Self {
        Self(Kind::Classic(Box::new(source)))
    }
}

impl From<ScenarioSource> for GeneratorSource {
    fn from(source: ScenarioSource) -> Self {
        Self(Kind::Scenario(Box::new(source)))
    }
}

impl Source for GeneratorSource {
    async fn next(&mut self) -> anyhow::Result<Next> {
        match &mut self.0 {
            Kind::Classic(source) => source.next().await,
            Kind::Scenario(source) => source.next().await,
        }
    }

    fn position(&self) -> Option<Vec<u8>> {
        match &self.0 {
            Kind::Classic(source) => source.position(),
            Kind::Scenario(source) => source.position(),
        }
    }

    fn seek(&mut self, position: &[u8]) -> anyhow::Result<()> {
        match &mut self.0 {
            Kind::Classic(source) => source.seek(position),
            Kind::Scenario(source) => source.seek(position),
        }
    }
}

#[cfg(test)]
mod tests;
