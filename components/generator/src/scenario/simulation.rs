//! A scenario with a seed: who does what when is settled, and requests can be asked for.

use std::sync::Arc;

use super::change::Change;
use super::course::Course;
use super::{Label, Requests, Scenario, Service};

/// A scenario under a seed. It knows all labels; requests are made when they are asked for, for each service apart,
/// so that services can be simulated by threads of their own.
///
/// ```
/// use logd_generator::scenario::{Scenario, Simulation};
///
/// let scenario = Scenario { days: 1, warm_up_days: 0, rate_factor: 0.01, ..Scenario::incidents() };
/// let simulation = Simulation::new(&scenario, 1);
/// for (service, requests) in simulation.services() {
///     let failed = requests.filter(|request| request.error).count();
///     assert!(failed < 10_000, "{}", service.name);
/// }
/// assert!(simulation.labels().iter().any(|label| label.benign));
/// ```
#[derive(Clone, Debug)]
pub struct Simulation {
    courses: Vec<Arc<Course>>,
    labels: Vec<Label>,
    buckets: u64,
}

impl Simulation {
    /// A scenario under a seed. The scenario should have passed [`Scenario::check`]; figures that make no sense give
    /// requests that make none.
    #[must_use]
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        let course = |service: &Service| {
            let mut course = Course::new(service, scenario, seed);
            course.fill(scenario);
            Arc::new(course)
        };
        let courses: Vec<Arc<Course>> = scenario.services.iter().map(course).collect();
        let of = |course: &Arc<Course>| {
            course.changes.iter().map(|change: &Change| Label::new(course, change)).collect::<Vec<_>>()
        };
        let mut labels: Vec<Label> = courses.iter().flat_map(of).collect();
        labels
            .sort_by(|one, other| (one.start, &one.service, one.kind).cmp(&(other.start, &other.service, other.kind)));
        Self { courses, labels, buckets: scenario.buckets() }
    }

    /// Each service with its requests in the order of time; the services in the order of the scenario.
    pub fn services(&self) -> impl ExactSizeIterator<Item = (&Service, Requests)> {
        self.courses.iter().map(|course| (&course.service, Requests::new(Arc::clone(course), self.buckets)))
    }

    /// What happens to all services, in the order of start, service and kind.
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// All labels as JSON, each on a line of its own.
    ///
    /// # Errors
    /// None that a label could cause.
    pub fn labels_as_json_lines(&self) -> serde_json::Result<String> {
        self.labels.iter().map(|label| Ok(serde_json::to_string(label)? + "\n")).collect()
    }
}
