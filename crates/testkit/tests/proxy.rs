//! The proxy forwards what it is given, and harms it exactly where it is told.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use testkit::tamper::{Direction, Harm, Proxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server that sends back what it gets.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.into_split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    address
}

/// Sends and reads back until the other end closes or everything came.
async fn exchange(proxy: &Proxy, sent: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(proxy.address()).await.expect("the proxy listens");
    stream.write_all(sent).await.expect("the proxy reads");
    let mut back = Vec::new();
    while back.len() < sent.len() {
        match stream.read_buf(&mut back).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    back
}

#[tokio::test]
async fn bytes_pass_unchanged() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let sent: Vec<u8> = (0..200_000u32).map(|i| i.to_le_bytes()[0]).collect();
    assert_eq!(exchange(&proxy, &sent).await, sent);
    assert_eq!((proxy.passed(Direction::ToTarget), proxy.harmed()), (200_000, 0));
}

#[tokio::test]
async fn one_byte_is_flipped() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let sent = vec![0u8; 100_000];
    for (direction, offset) in [(Direction::ToTarget, 70_001), (Direction::FromTarget, 0)] {
        let before = proxy.harmed();
        proxy.harm(direction, Harm { flip: Some((offset, 0x40)), ..Harm::default() });
        let back = exchange(&proxy, &sent).await;
        proxy.harm(direction, Harm::default());
        let changed: Vec<usize> = (0..back.len()).filter(|&i| back[i] != sent[i]).collect();
        assert_eq!((changed, back.len()), (vec![usize::try_from(offset).unwrap()], sent.len()));
        assert_eq!(proxy.harmed(), before + 1);
    }
}

#[tokio::test]
async fn a_connection_is_cut_where_told() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    proxy.harm(Direction::FromTarget, Harm { cut: Some(5), ..Harm::default() });
    assert_eq!(exchange(&proxy, b"hello, world").await, b"hello");
    assert_eq!(proxy.harmed(), 1);
}

#[tokio::test]
async fn a_delay_delays() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    proxy.harm(Direction::ToTarget, Harm { delay: Duration::from_millis(60), ..Harm::default() });
    let begin = Instant::now();
    assert_eq!(exchange(&proxy, b"x").await, b"x");
    assert!(begin.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn every_connection_can_be_cut() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    stream.write_all(b"a").await.unwrap();
    let mut byte = [0];
    stream.read_exact(&mut byte).await.unwrap();
    proxy.cut_all();
    assert!(matches!(stream.read(&mut byte).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn other_targets_than_loopback_are_refused() {
    assert!(Proxy::start("192.0.2.1:9".parse().unwrap()).await.is_err());
}
