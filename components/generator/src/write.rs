//! Lines written out, each with a newline: what `logd generate` does.

use std::io::{self, Write};

use tokio::time::sleep;

use crate::generator::{Generator, Line, Plan, Position};
use crate::pace::{LINES, Pace, wait};
use crate::scenario::{Place, Scenario, ScenarioLines};

/// Writes the lines of a plan from the first to the last, each when it is due by a clock that reads the plan's `live`
/// now; all at once if the plan's rate is 0. Flushes whenever it waits, and in the end; best given a buffered writer.
///
/// # Errors
/// Those of `out`; among them a broken pipe, when whoever reads has had enough.
pub async fn write_lines(plan: &Plan, out: &mut impl Write) -> io::Result<()> {
    let mut generator = Generator::new(plan, Position::default());
    let pace = Pace::from(plan.live);
    let (mut bytes, mut lines) = (Vec::new(), Vec::new());
    loop {
        let now = pace.now();
        generator.append(LINES, now, &mut bytes, &mut lines);
        if lines.is_empty() {
            out.flush()?;
            match wait(&generator, now) {
                Some(time) => sleep(time).await,
                None => return Ok(()),
            }
        }
        write_out(&mut bytes, &mut lines, out)?;
    }
}

/// Writes the lines of a scenario under a seed, up to `count`, as fast as can be.
///
/// # Errors
/// Those of `out`.
pub fn write_scenario(scenario: &Scenario, seed: u64, count: Option<u64>, out: &mut impl Write) -> io::Result<()> {
    let mut maker = ScenarioLines::new(scenario, seed, count, Place::default());
    let (mut bytes, mut lines) = (Vec::new(), Vec::new());
    while maker.next_time().is_some() {
        maker.append(LINES, i64::MAX, &mut bytes, &mut lines);
        write_out(&mut bytes, &mut lines, out)?;
    }
    out.flush()
}

/// Writes lines that stand in `bytes`, and clears both.
fn write_out(bytes: &mut Vec<u8>, lines: &mut Vec<Line>, out: &mut impl Write) -> io::Result<()> {
    for line in lines.drain(..) {
        out.write_all(&bytes[line.start..line.end])?;
        out.write_all(b"\n")?;
    }
    bytes.clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn plan(rate: u32) -> Plan {
        Plan { seed: 42, start: 0, live: 0, rate, count: Some(2500), incidents: Vec::new() }
    }

    async fn written(plan: &Plan) -> Vec<u8> {
        let mut out = Vec::new();
        write_lines(plan, &mut out).await.unwrap();
        out
    }

    #[tokio::test(start_paused = true)]
    async fn writes_every_line_at_its_time() {
        let began = Instant::now();
        let fast = written(&plan(0)).await;
        assert_eq!(began.elapsed().as_millis(), 0);
        assert_eq!(fast.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{")).count(), 2500);
        assert!(fast.ends_with(b"}\n"));

        assert!(written(&plan(1000)).await == fast);
        assert!((2499..2600).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    }

    #[test]
    fn a_scenario_is_written_to_its_end() {
        let scenario = Scenario { days: 1, warm_up_days: 0, rate_factor: 0.001, ..Scenario::incidents() };
        let write = |count| {
            let mut out = Vec::new();
            write_scenario(&scenario, 1, count, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let whole = write(None);
        assert!((10_000..14_000).contains(&whole.lines().count()) && whole.ends_with("}\n"));
        assert!(whole.starts_with(&write(Some(1234))) && write(Some(1234)).lines().count() == 1234);
    }

    #[tokio::test]
    async fn ends_when_nobody_reads() {
        let mut full = [0; 1000];
        let error = write_lines(&plan(0), &mut full.as_mut_slice()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    }
}
