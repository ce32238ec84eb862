#![allow(missing_docs, clippy::all, clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout)]
use logd_sdk::component::Plan;
use logd_sdk::http::{self, Limits, Listener, Request, StatusCode};
use logd_sdk::source::Next;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

struct No;
impl logd_sdk::condition::Conditions for No {
    fn compile(&self, _: &str) -> Result<Arc<dyn logd_sdk::condition::Condition>, Vec<logd_sdk::settings::Fault>> {
        Err(vec![])
    }
}

fn client(address: SocketAddr, request: Vec<u8>, depth: usize, until: Instant) -> u64 {
    let mut s = std::net::TcpStream::connect(address).unwrap();
    s.set_nodelay(true).unwrap();
    let all = request.repeat(depth);
    let mut done = 0;
    let mut buf = vec![0u8; 65536];
    while Instant::now() < until {
        let mut w = s.try_clone().unwrap();
        let a = &all;
        std::thread::scope(|scope| {
            if all.len() > 100_000 {
                scope.spawn(move || w.write_all(a).unwrap());
            } else {
                w.write_all(a).unwrap();
            }
            let mut got = 0;
            let mut tail: Vec<u8> = vec![];
            while got < depth {
                let n = s.read(&mut buf).unwrap();
                assert!(n > 0);
                tail.extend_from_slice(&buf[..n]);
                let mut pos = 0;
                while let Some(i) = tail[pos..].windows(4).position(|w| w == b"\r\n\r\n") {
                    assert!(tail[pos..].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&tail[pos..]));
                    got += 1;
                    pos += i + 4;
                }
                tail.drain(..pos);
            }
        });
        done += depth as u64;
    }
    done
}

fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args[1] == "client" {
        let address: SocketAddr = args[2].parse().unwrap();
        let (conns, depth, events): (usize, usize, usize) =
            (args[3].parse().unwrap(), args[4].parse().unwrap(), args[5].parse().unwrap());
        let line = format!("{{\"service\":\"web-api\",\"pad\":\"{}\"}}\n", "x".repeat(248));
        let body = line.repeat(events);
        let req = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes();
        let start = Instant::now();
        let until = start + Duration::from_secs(4);
        let hs: Vec<_> = (0..conns)
            .map(|_| {
                let r = req.clone();
                std::thread::spawn(move || client(address, r, depth, until))
            })
            .collect();
        let n: u64 = hs.into_iter().map(|h| h.join().unwrap()).sum();
        println!("    {:.0} req/s", n as f64 / start.elapsed().as_secs_f64());
        println!("N {n}");
        return;
    }
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for mode in ["bare", "sdk", "text", "json"] {
        if args.len() > 2 && args[2] != mode {
            continue;
        }
        for (conns, depth, events) in [(32usize, 1usize, 20usize), (32, 16, 20), (8, 1, 1000), (1, 1, 20), (1, 16, 20)]
        {
            if args.len() > 3 && args[3] != format!("{conns}-{depth}-{events}") {
                continue;
            }
            let (address, stop) = rt.block_on(async {
                match mode {
                    "bare" => {
                        let l = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                        let a = l.local_addr().unwrap();
                        let t = tokio::spawn(async move {
                            loop {
                                let (s, _) = l.accept().await.unwrap();
                                s.set_nodelay(true).unwrap();
                                tokio::spawn(async move {
                                    let svc = hyper::service::service_fn(
                                        |req: hyper::Request<hyper::body::Incoming>| async move {
                                            use http_body_util::BodyExt;
                                            let mut b = req.into_body();
                                            while let Some(f) = b.frame().await {
                                                drop(f.unwrap());
                                            }
                                            Ok::<_, std::convert::Infallible>(hyper::Response::new(
                                                http_body_util::Full::new(bytes::Bytes::new()),
                                            ))
                                        },
                                    );
                                    let mut http = hyper::server::conn::http1::Builder::new();
                                    http.pipeline_flush(true);
                                    let _ = http.serve_connection(hyper_util::rt::TokioIo::new(s), svc).await;
                                });
                            }
                        });
                        (a, t)
                    }
                    "sdk" => {
                        let l = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
                        let a = l.local_addr().unwrap();
                        let t = tokio::spawn(http::serve(
                            l,
                            |_r: Request| async move { http::text(StatusCode::OK, "") },
                            Limits::default(),
                            None,
                            std::future::pending(),
                        ));
                        (a, t)
                    }
                    codec => {
                        let port = {
                            let l = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
                            l.local_addr().unwrap()
                        };
                        let text = format!("address = '{port}'\ndecoding.codec = '{codec}'\nlimits.busy_timeout='20s'");
                        let plan = (logd_http::COMPONENTS[0].parse)(toml::de::DeTable::parse(&text).unwrap()).unwrap();
                        let id = logd_sdk::ComponentId::new("a", "b");
                        let context = logd_sdk::Context {
                            meters: logd_sdk::meters::Meters::new(&id, "source", "http"),
                            id,
                            clock: Default::default(),
                            columns: logd_sdk::Columns::new(
                                ["service", "pad"].map(vrl::path::OwnedValuePath::single_field),
                            ),
                            conditions: Arc::new(No),
                            data_dir: "x".into(),
                            once: false,
                        };
                        let Plan::Source(plan) = plan else { panic!() };
                        let mut source = plan.build(&context).await.unwrap();
                        let t = tokio::spawn(async move {
                            let (mut b, mut e) = (0u64, 0u64);
                            loop {
                                if let Next::Batch(batch) = source.next().await.unwrap() {
                                    b += 1;
                                    e += batch.len() as u64;
                                    std::hint::black_box(&batch);
                                    if false {
                                        println!("{b} {e}");
                                    }
                                }
                            }
                        });
                        (port, t)
                    }
                }
            });
            let before = cpu();
            let out = std::process::Command::new(&args[0])
                .args(["client", &address.to_string(), &conns.to_string(), &depth.to_string(), &events.to_string()])
                .output()
                .unwrap();
            let out = String::from_utf8(out.stdout).unwrap() + &String::from_utf8_lossy(&out.stderr);
            let n: f64 = out.lines().find_map(|l| l.strip_prefix("N ")).unwrap_or("0").parse().unwrap();
            println!(
                "{mode:5} conns {conns} depth {depth} events {events}: {:.2} us cpu/req {}",
                (cpu() - before) / n * 1e6,
                out.lines().next().unwrap_or("")
            );
            stop.abort();
        }
    }
}
