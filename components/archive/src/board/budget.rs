//! Which logs are indexed where there are more than can be.
//!
//! Each second, what the second before asked for decides what part of each service's logs is taken. Errors come first:
//! they may have half of the budget, and what the rest does not need. Within errors, and within the rest, the budget is
//! divided so that no service gets less while another gets more, other than for want of logs (max-min fairness). A part
//! is taken evenly over the second: of one in three, every third. Whatever the forecast said, no second has more than
//! the budget.

use std::mem;

use super::services::Entry;
use super::table::Table;

/// The logs of one kind of one service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Flow {
    /// So many wanted to be indexed this second.
    demand: u32,
    /// The part of them that is taken, from 0 to 1.
    share: f32,
    /// Adds up the shares: a whole one is a log.
    due: f32,
}

impl Default for Flow {
    fn default() -> Self {
        Self { demand: 0, share: 1.0, due: 0.0 }
    }
}

impl Flow {
    fn is_idle(&self) -> bool {
        self.demand == 0
    }
}

/// The kinds of logs, as an index into flows.
pub(crate) const REST: usize = 0;
pub(crate) const ERRORS: usize = 1;

/// The budget of a second.
#[derive(Debug)]
pub(crate) struct Budget {
    rate: u32,
    second: i64,
    /// So many were taken this second, of each kind.
    taken: [u32; 2],
    /// So many errors are expected to be taken this second: the rest leaves room for them.
    reserved: u32,
    /// The services that asked this second.
    asked: Vec<u32>,
    /// Those that asked the second before.
    asked_before: Vec<u32>,
}

/// Room that is kept for errors that nobody expected: a twentieth.
const SPARE: u32 = 20;

impl Budget {
    pub(crate) fn new(rate: u32) -> Self {
        Self {
            rate,
            second: i64::MIN,
            taken: [0; 2],
            reserved: rate / SPARE,
            asked: Vec::new(),
            asked_before: Vec::new(),
        }
    }

    pub(crate) fn set_rate(&mut self, rate: u32) {
        self.rate = rate;
    }

    /// Goes on to another second, if it is another.
    pub(crate) fn turn(&mut self, second: i64, services: &mut Table<Entry>) {
        if second == self.second {
            return;
        }
        let asked = mem::take(&mut self.asked);
        let mut demands = [Vec::new(), Vec::new()];
        for entry in asked.iter().filter_map(|service| services.get(*service)) {
            for (demands, flow) in demands.iter_mut().zip(&entry.flows) {
                demands.push(flow.demand);
            }
        }
        let [rest, errors] =
            demands.each_ref().map(|demands| demands.iter().fold(0, |sum: u32, one| sum.saturating_add(*one)));
        let errors = errors.min((self.rate / 2).max(self.rate.saturating_sub(rest)));
        let [rest_demands, error_demands] = &mut demands;
        let levels = [level(rest_demands, self.rate - errors), level(error_demands, errors)];
        // Who did not ask has nothing to be measured by, and gets what it asks for next.
        for service in self.asked_before.drain(..) {
            if let Some(entry) = services.get_mut(service).filter(|entry| entry.flows.iter().all(Flow::is_idle)) {
                entry.flows = [Flow::default(); 2];
            }
        }
        for service in &asked {
            let Some(entry) = services.get_mut(*service) else { continue };
            for (flow, level) in entry.flows.iter_mut().zip(levels) {
                let demand = mem::take(&mut flow.demand) as f32;
                flow.share = if demand <= level { 1.0 } else { level / demand };
            }
        }
        self.asked_before = asked;
        self.second = second;
        self.taken = [0; 2];
        self.reserved = errors.max(self.rate / SPARE);
    }

    /// Whether a log of `service` is taken.
    pub(crate) fn admits(&mut self, service: u32, flows: &mut [Flow; 2], kind: usize) -> bool {
        if flows.iter().all(Flow::is_idle) {
            self.asked.push(service);
        }
        let flow = &mut flows[kind];
        flow.demand = flow.demand.saturating_add(1);
        flow.due += flow.share;
        if flow.due < 1.0 {
            return false;
        }
        flow.due -= 1.0;
        let reserved = if kind == REST { self.reserved.saturating_sub(self.taken[ERRORS]) } else { 0 };
        let admitted = self.taken[REST] + self.taken[ERRORS] + reserved < self.rate;
        self.taken[kind] += u32::from(admitted);
        admitted
    }
}

/// The level up to which each demand is met, so that together they take `room`; what is below it is met whole.
fn level(demands: &mut [u32], room: u32) -> f32 {
    demands.sort_unstable();
    let mut room = f64::from(room);
    for (met, demand) in demands.iter().enumerate() {
        let level = room / (demands.len() - met) as f64;
        if f64::from(*demand) > level {
            return level as f32;
        }
        room -= f64::from(*demand);
    }
    f32::INFINITY
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::services::Services;

    /// Lets services ask in turns, each for so many of the rest and so many errors a second, and returns what was taken
    /// of each in the last of some seconds.
    fn run(rate: u32, demands: &[(u32, u32)]) -> Vec<[u32; 2]> {
        let mut budget = Budget::new(rate);
        let mut services = Services::new();
        for service in 0..demands.len() {
            services.number("p", &service.to_string(), |_| 0);
        }
        let mut taken = Vec::new();
        for second in 0..4 {
            budget.turn(second, &mut services.table);
            taken = vec![[0; 2]; demands.len()];
            let most = demands.iter().map(|demand| demand.0.max(demand.1)).max().unwrap();
            for turn in 0..most {
                for (service, demand) in demands.iter().enumerate() {
                    for (kind, demand) in [(REST, demand.0), (ERRORS, demand.1)] {
                        // Spread evenly over the second.
                        if u64::from(turn) * u64::from(demand) % u64::from(most) < u64::from(demand) {
                            let flows = &mut services.table.get_mut(service as u32).unwrap().flows;
                            taken[service][kind] += u32::from(budget.admits(service as u32, flows, kind));
                        }
                    }
                }
            }
            let sum: u32 = taken.iter().flatten().sum();
            assert!(sum <= rate, "{sum} of {rate} in second {second}");
        }
        taken
    }

    fn near(taken: u32, expected: u32) -> bool {
        taken.abs_diff(expected) <= expected / 50 + 2
    }

    #[test]
    fn within_the_budget_all_is_taken() {
        assert_eq!(run(1000, &[(400, 20), (300, 100)]), [[400, 20], [300, 100]]);
    }

    #[test]
    fn a_small_service_loses_nothing_to_a_large_one() {
        let taken = run(1000, &[(50_000, 0), (100, 0), (5000, 0)]);
        assert!(near(taken[1][REST], 100), "{taken:?}");
        assert!(near(taken[0][REST], 425) && near(taken[2][REST], 425), "{taken:?}");
    }

    #[test]
    fn errors_come_first_up_to_half() {
        let taken = run(1000, &[(20_000, 300), (20_000, 0)]);
        assert!(near(taken[0][ERRORS], 300) && near(taken[0][REST], 350) && near(taken[1][REST], 350), "{taken:?}");
        let taken = run(1000, &[(20_000, 20_000), (0, 50)]);
        assert!(near(taken[1][ERRORS], 50) && near(taken[0][ERRORS], 450) && near(taken[0][REST], 500), "{taken:?}");
    }

    #[test]
    fn errors_have_what_the_rest_leaves() {
        let taken = run(1000, &[(100, 20_000)]);
        assert!(near(taken[0][ERRORS], 900) && near(taken[0][REST], 100), "{taken:?}");
    }

    #[test]
    fn who_was_quiet_is_not_judged_by_what_was_before() {
        let mut budget = Budget::new(100);
        let mut services = Services::new();
        services.number("p", "a", |_| 0);
        for second in 0..2 {
            budget.turn(second, &mut services.table);
            for _ in 0..100_000 {
                budget.admits(0, &mut services.table.get_mut(0).unwrap().flows, REST);
            }
        }
        budget.turn(2, &mut services.table);
        budget.turn(3, &mut services.table);
        budget.turn(4, &mut services.table);
        assert!(budget.admits(0, &mut services.table.get_mut(0).unwrap().flows, REST));
    }

    #[test]
    fn a_burst_leaves_room_for_errors() {
        let mut budget = Budget::new(100);
        let mut services = Services::new();
        services.number("p", "a", |_| 0);
        budget.turn(0, &mut services.table);
        let flows = &mut services.table.get_mut(0).unwrap().flows;
        assert_eq!((0..1000).filter(|_| budget.admits(0, flows, REST)).count(), 95);
        assert_eq!((0..1000).filter(|_| budget.admits(0, flows, ERRORS)).count(), 5);
    }
}
