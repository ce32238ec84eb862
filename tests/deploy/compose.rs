//! `docker-compose.yml` and the image, as far as can be told without a Docker engine.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::{file, text};
use crate::support::{Place, Said, run};

/// `docker-compose config` with this `.env`, and nothing of ours in the environment.
fn config(env: &str) -> Said {
    let place = Place::new();
    let env_file = place.write("env", env);
    let mut command = Command::new("docker-compose");
    command.env_clear().env("PATH", "/usr/bin:/bin").arg("--env-file").arg(env_file);
    run(command.arg("--file").arg(file("docker-compose.yml")).arg("config"))
}

/// `.env.example` with every secret filled in.
fn filled() -> String {
    text(".env.example")
        .lines()
        .map(|line| line.strip_suffix('=').map_or(line.to_owned(), |name| format!("{name}=x7")))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn compose_takes_the_file_once_every_secret_is_set() {
    let said = config(&filled());
    assert_eq!(said.code, Some(0), "{}", said.err);
    let secrets: Vec<_> = filled().lines().filter_map(|line| line.strip_suffix("=x7").map(str::to_owned)).collect();
    assert!(secrets.len() >= 4, "{secrets:?}");
    for secret in secrets {
        let said = config(&filled().replace(&format!("{secret}=x7"), &format!("{secret}=")));
        assert!(said.code != Some(0) && said.err.contains("is not set: see .env.example"), "{secret}: {}", said.err);
    }
}

#[test]
fn the_file_follows_the_compose_specification() {
    // Debian's packages of these are for Debian's own Python.
    let program = "import sys, json, yaml, jsonschema\n\
        document = yaml.safe_load(open(sys.argv[1]))\n\
        jsonschema.validate(document, json.load(open(sys.argv[2])), cls=jsonschema.Draft202012Validator)\n\
        print(json.dumps(document))";
    let mut python = Command::new("/usr/bin/python3");
    let said =
        run(python.args(["-c", program]).arg(file("docker-compose.yml")).arg(file("tests/deploy/compose-spec.json")));
    assert_eq!(said.code, Some(0), "{}", said.err);

    let document: Value = serde_json::from_str(&said.out).expect("JSON");
    let services = document["services"].as_object().expect("services");
    for (name, service) in services {
        let strings =
            |key: &str| service[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
        for port in strings("ports") {
            assert!(port.starts_with("127.0.0.1:"), "{name} is open to the network: {port}");
        }
        for (source, _) in strings("volumes").iter().filter_map(|volume| volume.split_once(':')) {
            let known = document["volumes"].get(source).is_some() || source.starts_with("./") && file(source).exists();
            assert!(known, "{name} mounts {source}, which is not there");
        }
        // The image of logd has its own, and what ends by itself is not looked after.
        let looked_after = service.get("restart").is_some();
        assert_eq!(service["healthcheck"]["test"].is_array() || name == "logd", looked_after, "the health of {name}");
    }
}

#[test]
fn the_image_is_built_by_the_pinned_toolchain() {
    let toolchain: toml::Table = text("rust-toolchain.toml").parse().expect("TOML");
    let channel = toolchain["toolchain"]["channel"].as_str().expect("a version");
    let dockerfile = text("deploy/Dockerfile");
    assert!(dockerfile.contains(&format!("FROM rust:{channel}-")), "another toolchain than {channel}");
    assert!(dockerfile.contains("\nUSER logd\n") && dockerfile.contains("\nHEALTHCHECK "));
    for copied in dockerfile.lines().filter_map(|line| line.strip_prefix("COPY deploy/")) {
        let source = copied.split(' ').next().unwrap_or_default();
        assert!(fs::exists(file("deploy").join(source)).expect("readable"), "deploy/{source} is not there");
    }
}
