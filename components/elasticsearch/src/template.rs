//! The index template: what Elasticsearch makes new indices by.
//!
//! It is put before the first request, and once more after the service was away, for it may have come back without it.
//! An index that events make before their template is there has guessed mappings for good, so nothing is delivered until
//! the template has been taken.

use anyhow::{Context as _, bail};
use bytes::Bytes;
use elasticsearch::http::Method;
use logd_sdk::report::Report;
use logd_sdk::settings::{Fault, TextFile};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::answer;
use crate::nodes::{Body, Nodes};

/// The template for logs with the fields `timestamp` (date), `service`, `level`, `user_id`, `request_id`, `endpoint`
/// (keyword), `message` (text), `ip_address` (ip), `response_time_ms` (integer) and `is_anomaly` (boolean): one shard,
/// no replica. Its priority is above that of the templates that Elasticsearch brings (100).
const CLASSIC: &str = include_str!("classic.json");

/// Which index template is put.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TemplateSettings {
    /// Its name in Elasticsearch; a template of this name is replaced.
    name: String,
    /// A file with the template in JSON, as `PUT /_index_template` takes it. By default one for the indices of this sink,
    /// with a shard, no replica, and mappings for `timestamp`, `service`, `level`, `user_id`, `request_id`, `endpoint`,
    /// `message`, `ip_address`, `response_time_ms` and `is_anomaly`.
    #[serde(default)]
    pub(crate) file: Option<TextFile>,
}

/// A template that is to be put.
pub(crate) struct Template {
    path: String,
    body: Bytes,
}

impl TemplateSettings {
    /// Says what is wrong with them; `key` is where they stand.
    pub(crate) fn check(&self, key: &str, report: &mut Report) {
        let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
        if self.name.is_empty() || !self.name.chars().all(plain) {
            report.error(
                [key, "name"],
                "a template's name has letters, digits, `-`, `_` and `.` in it, and nothing else",
            );
        }
        let Some((file, text)) = self.file.as_ref().and_then(|file| Some((file, file.text()?))) else { return };
        if let Err(error) = serde_json::from_str::<Map<String, Value>>(text) {
            let before: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
            let place = (before + error.column().saturating_sub(1)).min(text.len());
            let fault = Fault::new(format!("this is no JSON object: {error}")).at(place..place);
            report.fault([key, "file"], fault).in_file(file);
        }
    }

    /// The template, for indices that match `pattern`, or for data streams.
    ///
    /// # Errors
    /// The file could not be read.
    pub(crate) fn load(&self, pattern: String, data_stream: bool) -> anyhow::Result<Template> {
        let body = match &self.file {
            Some(file) => file.text().context("the template's file could not be read")?.to_owned(),
            None => serde_json::to_string(&classic(pattern, data_stream)?)?,
        };
        Ok(Template { path: format!("_index_template/{}", self.name), body: body.into() })
    }
}

fn classic(pattern: String, data_stream: bool) -> anyhow::Result<Map<String, Value>> {
    let mut template: Map<_, _> = serde_json::from_str(CLASSIC)?;
    template.insert("index_patterns".to_owned(), json!([pattern]));
    if data_stream {
        template.insert("data_stream".to_owned(), json!({}));
    }
    Ok(template)
}

impl Template {
    /// Puts it.
    ///
    /// # Errors
    /// It was not taken: why.
    pub(crate) async fn put(&self, nodes: &Nodes) -> anyhow::Result<()> {
        let reply = nodes.send(Method::Put, &self.path, Some(Body::Json(self.body.clone()))).await?;
        if !reply.status.is_success() {
            let reason = answer::reason(&reply.body).unwrap_or_default();
            bail!("the index template was refused: {} {reason}", reply.status);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_one_is_for_the_indices_of_the_sink() {
        let settings: TemplateSettings = toml::from_str("name = 'logs'").unwrap();
        let template = settings.load("logs-*".to_owned(), false).unwrap();
        assert_eq!(template.path, "_index_template/logs");
        let body: Value = serde_json::from_slice(&template.body).unwrap();
        assert_eq!(body["index_patterns"], json!(["logs-*"]));
        assert_eq!(body["template"]["mappings"]["properties"]["ip_address"]["type"], "ip");
        assert_eq!(body["data_stream"], Value::Null);
        let template = settings.load("logs-app-prod".to_owned(), true).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&template.body).unwrap()["data_stream"], json!({}));
    }

    #[test]
    fn ones_own_is_taken_as_it_is() {
        let own = |text: &str| {
            let mut settings: TemplateSettings = toml::from_str("name = 'own'\nfile = 'template.json'").unwrap();
            settings.file.as_mut().unwrap().set_text(text);
            settings
        };
        let mut report = Report::default();
        let text = "{\n  \"index_patterns\": }";
        own(text).check("template", &mut report);
        let [problem] = report.problems() else { panic!("one mistake") };
        assert_eq!(problem.message, "this is no JSON object: expected value at line 2 column 21");
        assert_eq!(problem.within.clone().map(|at| &text[at.start..]), Some("}"));
        let text = r#"{ "index_patterns": ["x"] }"#;
        assert_eq!(own(text).load("logs".to_owned(), false).unwrap().body, text);
    }

    #[test]
    fn a_name_is_a_plain_word() {
        for (name, right) in [("logs.v2_a-b", true), ("", false), ("a/b", false), ("a?b", false), ("ä", false)] {
            let mut report = Report::default();
            TemplateSettings { name: name.to_owned(), file: None }.check("template", &mut report);
            assert_eq!(!report.has_errors(), right, "{name}");
        }
    }
}
