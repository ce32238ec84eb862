//! How the sink reaches a service: over which node, who it says that it is, and whom it believes.

use std::io::Read as _;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::*;

/// An address where nobody listens.
async fn nobody() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn a_node_that_is_gone_costs_no_attempt() {
    let service = StandIn::start(|_, request| Say::taken(request)).await;
    let nobody = nobody().await;
    let sink = sink(&[&nobody, &service.address], "").await;
    for _ in 0..3 {
        assert_eq!(sink.deliver(&numbered(2)).await, Attempt::delivered());
    }
    let alone = super::sink(&[&nobody], "").await;
    let attempt = alone.deliver(&numbered(2)).await;
    assert_eq!(attempt.retry, [0, 1]);
    let error = attempt.error.unwrap();
    assert!(error.starts_with(&format!("http://{nobody}: ")) && error.contains("refused"), "{error}");
}

#[tokio::test]
async fn a_node_that_swallows_a_request_is_left_out() {
    let hole = StandIn::start(|_, _| Say::Nothing).await;
    let service = StandIn::start(|_, request| Say::taken(request)).await;
    let sink = sink(&[&hole.address, &service.address], "").await;
    // The driver's deadline: the attempt is dropped where it stands.
    let attempt = timeout(Duration::from_millis(200), sink.deliver(&numbered(1))).await;
    assert!(attempt.is_err());
    for _ in 0..3 {
        assert_eq!(sink.deliver(&numbered(1)).await, Attempt::delivered());
    }
    assert_eq!((hole.requests().len(), service.requests().len()), (1, 3));
}

#[tokio::test]
async fn each_request_says_who_we_are() {
    for (auth, header) in [
        ("", None),
        (
            "auth = { strategy = 'basic', user = 'Aladdin', password = 'open sesame' }",
            Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ),
        ("auth = { strategy = 'api_key', api_key = 'aWQ6a2V5' }", Some("ApiKey aWQ6a2V5")),
        ("auth = { strategy = 'bearer', token = 'ey.J' }", Some("Bearer ey.J")),
    ] {
        let service = StandIn::start(|_, request| Say::taken(request)).await;
        let sink = sink(&[&service.address], auth).await;
        assert_eq!(sink.deliver(&numbered(1)).await, Attempt::delivered());
        assert_eq!(service.requests()[0].header("authorization"), header);
    }
}

#[tokio::test]
async fn refused_credentials_lose_nothing_and_are_not_told() {
    let service = StandIn::start(|number, request| {
        let sent = request.header("authorization").unwrap_or_default();
        match number {
            0 => Say::json(401, format!(r#"{{"error":{{"type":"security_exception","reason":"not {sent}"}}}}"#)),
            1 => Say::status(403),
            _ => Say::taken(request),
        }
    })
    .await;
    let sink = sink(&[&service.address], "auth = { strategy = 'bearer', token = 'canary' }").await;
    let (rejected, errors) = deliver(&sink, numbered(2)).await;
    assert_eq!(rejected.len(), 0);
    let refused =
        ["401 Unauthorized", "403 Forbidden"].map(|status| format!("the service refuses our credentials: {status}"));
    assert_eq!(errors, refused);
}

#[tokio::test]
async fn requests_are_compressed_when_asked() {
    // What the body is can't be seen by the script.
    let service = StandIn::start(|_, _| Say::json(200, r#"{"items":[{"index":{"status":201}}]}"#)).await;
    let sink = sink(&[&service.address], "compression = 'gzip'").await;
    assert_eq!(sink.deliver(&numbered(1)).await, Attempt::delivered());
    let request = &service.requests()[0];
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    assert_eq!(request.header("content-type"), Some("application/x-ndjson"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&request.body[..]).read_to_string(&mut text).unwrap();
    assert!(text.ends_with("{\"n\":0}\n"), "{text}");
}

/// An authority of our own, and what it has signed.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for `name` and its key.
    fn sign(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap(), key)
    }

    /// Accepts connections as 127.0.0.1, from clients that this authority has signed if `mutual`.
    fn acceptor(&self, mutual: bool) -> TlsAcceptor {
        let (certificate, key) = self.sign("127.0.0.1");
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
        let config = if mutual {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            config.with_client_cert_verifier(verifier)
        } else {
            config.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).unwrap()).into()
    }
}

#[tokio::test]
async fn a_service_is_believed_by_its_certificate() {
    let (authority, other, folder) = (Authority::new(), Authority::new(), tempfile::tempdir().unwrap());
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("ca.pem", &authority.0.pem());
    write("other.pem", &other.0.pem());
    let (certificate, key) = authority.sign("logd");
    write("crt.pem", &certificate.pem());
    write("key.pem", &key.serialize_pem());
    for mutual in [false, true] {
        let service = StandIn::start_with(Some(authority.acceptor(mutual)), |_, request| Say::taken(request)).await;
        let attempt = async |tls: &str| {
            let tls = tls.replace("DIR", folder.path().to_str().unwrap());
            let text = format!("endpoints = ['https://{}']\n{tls}", service.address);
            settings(&text).build(&context()).await.unwrap().deliver(&numbered(1)).await
        };
        let identity = "tls.crt_file = 'DIR/crt.pem'\ntls.key_file = 'DIR/key.pem'\n";
        let with = |tls: &str| if mutual { format!("{identity}{tls}") } else { tls.to_owned() };
        assert_eq!(attempt(&with("tls.ca_file = 'DIR/ca.pem'")).await, Attempt::delivered());
        assert_eq!(attempt(&with("tls.verify_certificate = false")).await, Attempt::delivered());
        for wrong in ["", "tls.ca_file = 'DIR/other.pem'"] {
            let error = attempt(&with(wrong)).await.error.unwrap();
            assert!(error.contains("certificate"), "{error}");
        }
        if mutual {
            assert_eq!(
                attempt("tls.ca_file = 'DIR/ca.pem'").await.retry,
                [0],
                "nobody is let in without a certificate"
            );
        }
    }
}
