use std::time::Instant;
use logd_sdk::*;
use logd_sdk::transform::Transform;
use crate::fixtures::*;

fn time(name: &str, events: usize, rounds: usize, mut f: impl FnMut()) {
    f();
    let mut best = f64::MAX;
    for _ in 0..5 {
        let t = Instant::now();
        for _ in 0..rounds { f(); }
        best = best.min(t.elapsed().as_secs_f64());
    }
    println!("{name:40} {:8.1} ns/event  {:6.2} M/s", best*1e9/(events*rounds) as f64, (events*rounds) as f64/best/1e6);
}
fn classic(n: usize) -> Vec<String> {
    let lv=["INFO","INFO","INFO","WARN","ERROR","INFO","INFO","DEBUG","INFO","CRITICAL"]; let sv=["web-api","auth-service","payment-service","database","cache-service"];
    (0..n).map(|i| format!(r#"{{"timestamp":"2026-11-23T10:15:{:02}.{:03}Z","service":"{}","level":"{}","message":"Request completed successfully for the user","response_time_ms":{},"user_id":"user_{}","request_id":"req-{:016x}","ip_address":"10.0.{}.{}","endpoint":"/api/v1/orders","is_anomaly":false}}"#, i%60, i%1000, sv[i%5], lv[i%10], (i*7919)%5000, i%1000, i*2654435761, i%256, (i*7)%256)).collect()
}
struct Bare;
#[allow(clippy::disallowed_methods)]
#[test]
#[ignore]
fn speed() {
    let texts = classic(1000);
    let batch = lines(&texts);
    println!("avg len {}", texts.iter().map(|t| t.len()).sum::<usize>()/1000);
    const P: Component = Component::transform::<crate::parse::ParseSettings>();
    const R: Component = Component::transform::<crate::remap::RemapSettings>();
    let read = ["service","level","response_time_ms"];
    time("clone of the batch", 1000, 200, || { std::hint::black_box(batch.clone()); });
    let json = build(&P, "format='json'\ntimestamp.field='timestamp'", &read);
    time("parse json", 1000, 200, || { let mut o=Outputs::default(); json.apply(batch.clone(), &mut o); std::hint::black_box(&o); });
    let cols = columns(&["service","level","response_time_ms","timestamp"]);
    let reader = logd_sdk::event::JsonReader::new(cols.clone());
    time("JsonReader alone", 1000, 200, || { let mut slots=vec![Slot::Missing;4]; let mut t=String::new(); for r in 0..1000 { reader.read(batch.raw(r), 0, &mut slots, &mut t).unwrap(); std::hint::black_box(&slots);} });
    // a bare sonic_rs visitor
    #[derive(serde::Deserialize)] struct Four<'a> { timestamp: &'a str, service: &'a str, level: &'a str, response_time_ms: f64 }
    time("bare sonic_rs struct", 1000, 200, || { for r in 0..1000 { let f: Four = sonic_rs::from_slice(batch.raw(r)).unwrap(); std::hint::black_box((Time::parse_rfc3339(f.timestamp.as_bytes()), f.service, f.level, f.response_time_ms)); } });
    let mut out=Outputs::default(); json.apply(batch.clone(), &mut out);
    let parsed = out.sent[0].1.clone();
    for c in [".level == \"ERROR\" || .level == \"CRITICAL\"", ".level == \"ERROR\"", ".response_time_ms >= 500", "match!(.service, r'^web')", ".service == \"web-api\" && .response_time_ms > 1000"] {
        let cond = crate::conditions().compile(c).unwrap();
        let mut a=Vec::new();
        time(c, 1000, 200, || { a.clear(); cond.test(&parsed, &mut a); std::hint::black_box(&a); });
    }
    let cond = crate::conditions().compile("random_bool() || .level == \"ERROR\" || .level == \"CRITICAL\"").unwrap();
    let mut a=Vec::new();
    time("unmemoised", 1000, 100, || { a.clear(); cond.test(&parsed, &mut a); });
    let cond = crate::conditions().compile("%position > 3 && .level == \"ERROR\" || .level == \"CRITICAL\"").unwrap();
    time("metadata", 1000, 100, || { a.clear(); cond.test(&parsed, &mut a); });
    let whole = crate::conditions().compile("length(.) > 3").unwrap();
    time("whole", 1000, 100, || { a.clear(); whole.test(&parsed, &mut a); });
    let log = std::fs::read_to_string("/work/shared/data/logs/apache_access.log").unwrap();
    let log: Vec<&str> = log.lines().take(2000).collect();
    let ab = lines(&log);
    let apache = build(&P, "format='combined'", &["status","path"]);
    time("combined", 2000, 50, || { let mut o=Outputs::default(); apache.apply(ab.clone(), &mut o); std::hint::black_box(&o); });
    let vrl = build(&R, "source='. = parse_apache_log!(.message, \"combined\")'", &["status","path"]);
    time("combined by VRL remap", 2000, 10, || { let mut o=Outputs::default(); vrl.apply(ab.clone(), &mut o); std::hint::black_box(&o); });
    let grok = build(&P, "format='grok'\npattern='%{COMBINEDAPACHELOG}|%{IPORHOST:c} %{HTTPDUSER:i} %{HTTPDUSER:a} \\[%{HTTPDATE:timestamp}\\]'", &[]);
    time("grok", 2000, 5, || { let mut o=Outputs::default(); grok.apply(ab.clone(), &mut o); std::hint::black_box(&o); });
    let regex = build(&P, "format='regex'\npattern='''^(?P<host>\\S+) (?P<id>\\S+) (?P<user>\\S+) \\[(?P<timestamp>[^\\]]+)\\] \"(?P<req>[^\"]*)\" (?P<status>\\d+) (?P<size>\\S+)'''", &["status"]);
    time("regex", 2000, 20, || { let mut o=Outputs::default(); regex.apply(ab.clone(), &mut o); std::hint::black_box(&o); });
    let klog = std::fs::read_to_string("/work/shared/data/logs/kafka_server.log").unwrap();
    let klog: Vec<&str> = klog.lines().collect();
    let kb = lines(&klog);
    let l4 = build(&P, "format='log4j'", &["level"]);
    time("log4j", kb.len(), 200, || { let mut o=Outputs::default(); l4.apply(kb.clone(), &mut o); std::hint::black_box(&o); });
    let csvl: Vec<String> = (0..1000).map(|i| format!("2014-02-14 14:{:02}:00,0.{}", i%60, 100+i)).collect();
    let cb = lines(&csvl);
    let csv = build(&P, "format='csv'\ncolumns=['timestamp','value']\ntimestamp={}", &["value"]);
    time("csv", 1000, 200, || { let mut o=Outputs::default(); csv.apply(cb.clone(), &mut o); std::hint::black_box(&o); });
    let lf: Vec<String> = (0..1000).map(|i| format!("ts=2014-02-14T14:{:02}:00Z level=info msg=\"hello world\" dur={}", i%60, i)).collect();
    let lb = lines(&lf);
    let logfmt = build(&P, "format='logfmt'\ntimestamp.field='ts'", &["level"]);
    time("logfmt", 1000, 20, || { let mut o=Outputs::default(); logfmt.apply(lb.clone(), &mut o); std::hint::black_box(&o); });
    for s in [".a = 1", ".level = downcase(string!(.level))\ndel(.user_id)", ".slow = .response_time_ms > 1000 ?? false", "%time = now()"] {
        let r = build(&R, &format!("source='''{s}'''"), &read);
        time(&format!("remap {s:?}"), 1000, 20, || { let mut o=Outputs::default(); r.apply(Batch::clone(&parsed), &mut o); std::hint::black_box(&o); });
    }
    time("value only", 1000, 50, || { for r in 0..1000 { std::hint::black_box(parsed.value(r)); } });
    let _ = Bare;
    let f = build(&Component::transform::<crate::filter::FilterSettings>(), "condition='.level != \"DEBUG\"'", &[]);
    time("filter", 1000, 200, || { let mut o=Outputs::default(); f.apply(Batch::clone(&parsed), &mut o); std::hint::black_box(&o); });
}
#[test]
#[ignore]
fn whole_log() {
    use crate::parse::compare_access;
    let log = std::fs::read_to_string("/work/shared/data/logs/apache_access.log").unwrap();
    compare_access(&log);
}
