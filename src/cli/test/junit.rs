//! What came of tests as JUnit's XML, which CI systems read: a suite for each file. No times are in it, so that it says
//! the same each time.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::text::reasons;
use crate::pipeline_tests::{Failure, Verdict};

/// All of it.
///
/// # Errors
/// It can't be written as XML.
pub(super) fn xml(verdicts: &[Verdict]) -> anyhow::Result<String> {
    let mut report = Report::new("logd test");
    for of_file in verdicts.chunk_by(|one, other| one.path == other.path) {
        let mut suite = TestSuite::new(of_file.first().map_or("", |first| first.pipeline.as_str()));
        suite.add_test_cases(of_file.iter().map(case));
        report.add_test_suite(suite);
    }
    Ok(report.to_string()?)
}

fn case(verdict: &Verdict) -> TestCase {
    let status = match &verdict.result {
        Ok(failures) if failures.is_empty() => TestCaseStatus::success(),
        Ok(failures) => {
            let messages = failures.iter().map(|Failure { message, .. }| message.as_str()).collect::<Vec<_>>();
            failed(NonSuccessKind::Failure, &messages.join("; "), verdict)
        }
        Err(error) => failed(NonSuccessKind::Error, error, verdict),
    };
    let mut case = TestCase::new(verdict.name.as_str(), status);
    case.set_classname(verdict.pipeline.as_str());
    case
}

fn failed(kind: NonSuccessKind, message: &str, verdict: &Verdict) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message).set_description(reasons(verdict));
    status
}

#[cfg(test)]
mod tests {
    use super::super::text::tests::verdicts;
    use super::*;

    #[test]
    fn is_xml_whatever_is_in_it() {
        let xml = xml(&verdicts()).unwrap();
        assert!(xml.contains(r#"<testsuite name="p" tests="3" skipped="0" errors="1" failures="1">"#), "{xml}");
        assert!(xml.contains(r#"<testcase name="a" classname="p"/>"#), "{xml}");
        // What XML can't have is left out, and what means something in it is escaped.
        assert!(xml.contains(r#"<testcase name="b &lt;&amp;&gt; " classname="p">"#), "{xml}");
        assert!(xml.contains(r#"<failure message="2 events should have come, and 12 came">"#), "{xml}");
        assert!(xml.contains("dir/p.toml:7: 2 events") && xml.contains("{&quot;n&quot;:9}"), "{xml}");
        assert!(xml.contains(r#"<error message="no room">"#), "{xml}");
        assert!(!xml.contains('\u{1b}') && !xml.contains("time"), "{xml}");
    }
}
