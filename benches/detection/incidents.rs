//! The workload of incidents: how many each contender finds, how soon, and how often it is wrong.

use std::time::Duration;

use logd_backtest::population::RateClass;
use logd_backtest::scoring::{Figures, Scores, Verdict};
use logd_generator::scenario::Scenario;

use crate::table::{Figure, Goal, Table, shown};
use crate::trial::{Contender, Trial};

/// All rows; the first is what the goals are for.
const CONTENDERS: [(&str, Contender); 6] = [
    ("detect", Contender::Detect { sensitivity: 1.0 }),
    ("detect, sensitivity 0.8", Contender::Detect { sensitivity: 0.8 }),
    ("detect, sensitivity 1.25", Contender::Detect { sensitivity: 1.25 }),
    ("classic rules", Contender::Classic { apart: Duration::ZERO }),
    ("classic rules, 5 min apart", Contender::Classic { apart: Duration::from_secs(300) }),
    ("an alarm every 10 min", Contender::Control { every: Duration::from_secs(600) }),
];

/// The place of the first.
const DETECT: usize = 0;

/// So many of them are `detect`.
const SENSITIVITIES: usize = 3;

/// What is to be seen at once.
const SUDDEN: [&str; 3] = ["error_burst", "silence", "outage"];

/// Runs the workload with incidents and without, and prints all that comes of it.
pub(crate) fn run(scenario: &Scenario, seeds: &[u64], table: &mut Table) {
    let contenders = CONTENDERS.map(|(_, contender)| contender);
    let trial = Trial::run(scenario, seeds, &contenders);
    let calm = Trial::run(&scenario.clone().without_incidents(), seeds, &contenders[..SENSITIVITIES]);

    let scores = trial.scores(DETECT);
    goals(&trial, &scores, &calm.scores(DETECT).total, table);
    compared(&trial, &calm);
    kinds(&scores);
    mistakes(&scores);
}

fn goals(trial: &Trial, scores: &Scores, calm: &Figures, table: &mut Table) {
    let (total, events) = (&scores.total, trial.population.events() / 1_000_000);
    let busy = scores.classes.get(&RateClass::Busy);
    let sudden = trial.busy(DETECT, &SUDDEN);
    let ramps = trial.busy(DETECT, &["slow_ramp"]);
    let share = |must, wanted| Goal::AtLeast { must: Figure::Share(must), wanted: Figure::Share(wanted) };
    let seconds = |must, wanted| Goal::AtMost { must: Figure::Seconds(must), wanted: Figure::Seconds(wanted) };
    let rare = Goal::AtMost { must: Figure::PerServiceDay(0.06), wanted: Figure::PerServiceDay(0.01) };

    table.begin(&format!(
        "incidents: {events} M requests, {:.0} service-days, {} incidents",
        total.service_days, total.incidents
    ));
    table.row("F1", total.f1.map(Figure::Share), share(0.90, 0.95));
    table.row("precision", total.precision.map(Figure::Share), share(0.92, 0.98));
    table.row("recall", total.recall.map(Figure::Share), share(0.88, 0.93));
    let recall = busy.and_then(|figures| figures.recall);
    table.row("recall, services at ≥ 1/s", recall.map(Figure::Share), share(0.95, 0.98));
    table.row("false alarms a service-day", total.false_per_service_day.map(Figure::PerServiceDay), rare);
    let wrong = calm.false_per_service_day.map(Figure::PerServiceDay);
    table.row("false alarms a service-day, nothing wrong", wrong, rare);
    table.row("delay, median", total.delay_median.map(Figure::Seconds), seconds(30.0, 20.0));
    table.known("delay, 90 %", shown(total.delay_p90.map(Figure::Seconds)));
    let median = sudden.delay_median.map(Figure::Seconds);
    table.row("delay, median: error burst, silence, outage at ≥ 1/s", median, seconds(20.0, 10.0));
    table.row("recall: slow ramp at ≥ 1/s", ramps.recall.map(Figure::Share), share(0.85, 0.95));
    let median = ramps.delay_median.map(Figure::Seconds);
    table.row("delay, median: slow ramp at ≥ 1/s", median, seconds(3600.0, 1800.0));
    table.row("kind right", total.kind_accuracy.map(Figure::Share), share(0.95, 1.0));
}

/// All contenders, figure by figure.
fn compared(trial: &Trial, calm: &Trial) {
    println!(
        "\n| contender | F1 | precision | recall | recall ≥ 1/s | false a service-day | the same, nothing wrong \
         | delay, median | delay, 90 % | kind right | alarms a service-day |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for (place, (name, _)) in CONTENDERS.iter().enumerate() {
        let Scores { total, classes, .. } = trial.scores(place);
        let busy = classes.get(&RateClass::Busy).and_then(|figures| figures.recall);
        let calm = (place < SENSITIVITIES).then(|| calm.scores(place).total.false_per_service_day).flatten();
        let figures = [
            total.f1.map(Figure::Share),
            total.precision.map(Figure::Share),
            total.recall.map(Figure::Share),
            busy.map(Figure::Share),
            total.false_per_service_day.map(Figure::PerServiceDay),
            calm.map(Figure::PerServiceDay),
            total.delay_median.map(Figure::Seconds),
            total.delay_p90.map(Figure::Seconds),
            total.kind_accuracy.map(Figure::Share),
            Some(Figure::PerServiceDay(trial.alarms_per_service_day(place))),
        ];
        println!("| {name} | {} |", figures.map(shown).join(" | "));
    }
}

/// What `detect` finds of each kind.
fn kinds(scores: &Scores) {
    println!("\n| kind | found | recall | delay, median | delay, 90 % | kind right |");
    println!("|---|---:|---:|---:|---:|---:|");
    for (kind, figures) in &scores.kinds {
        let shares = [
            figures.recall.map(Figure::Share),
            figures.delay_median.map(Figure::Seconds),
            figures.delay_p90.map(Figure::Seconds),
            figures.kind_accuracy.map(Figure::Share),
        ];
        println!("| {kind} | {} of {} | {} |", figures.found, figures.incidents, shares.map(shown).join(" | "));
    }
}

/// What `detect` misses, takes for another kind, and says without reason: for whoever wants to make it better.
fn mistakes(scores: &Scores) {
    println!();
    for found in &scores.incidents {
        let what = match (found.at, found.kind_is_right) {
            (None, _) => "missed",
            (Some(_), Some(false)) => "kind wrong",
            (Some(_), _) => continue,
        };
        let label = &found.label;
        let evidence = label.evidence.map_or_else(String::new, |nats| format!(", {nats:.0} nats"));
        let (minutes, params) = (label.end.since(label.start).as_secs_f64() / 60.0, &label.params);
        println!("{what}: {} {} {} for {minutes:.1} min{evidence} {params}", label.service, label.kind, label.start);
    }
    for judged in scores.alarms.iter().filter(|judged| judged.verdict == Verdict::False) {
        let alarm = &judged.alarm;
        println!("false: {} {} {}: {}", alarm.service, alarm.at, alarm.signals.join("+"), alarm.explanation);
    }
}
