//! Somebody on the line changes bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::CloseReason;
use super::support::{Consortium, note};

/// Carries bytes between a dialler and `target`; changes one bit of the next piece on its way there when told to.
async fn proxy(target: SocketAddr) -> (SocketAddr, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let flip = Arc::new(AtomicBool::new(false));
    let armed = Arc::clone(&flip);
    tokio::spawn(async move {
        loop {
            let (dialler, _) = listener.accept().await.unwrap();
            let acceptor = TcpStream::connect(target).await.unwrap();
            let (mut from_dialler, mut to_dialler) = dialler.into_split();
            let (mut from_acceptor, mut to_acceptor) = acceptor.into_split();
            let armed = Arc::clone(&armed);
            tokio::spawn(async move {
                let mut piece = [0; 4096];
                while let Ok(n @ 1..) = from_dialler.read(&mut piece).await {
                    if armed.swap(false, Ordering::Relaxed) {
                        piece[n / 2] ^= 1;
                    }
                    if to_acceptor.write_all(&piece[..n]).await.is_err() {
                        break;
                    }
                }
            });
            tokio::spawn(async move { tokio::io::copy(&mut from_acceptor, &mut to_dialler).await });
        }
    });
    (address, flip)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_byte_drops_the_link_and_it_comes_up_again() {
    let consortium = Consortium::new(2);
    let mut first = consortium.node(0).await;
    let mut second = consortium.node(1).await;
    let (address, flip) = proxy(first.address()).await;
    second.dial(&[(0, address)]);
    for _ in 0..3 {
        let (_, to_second) = first.up(1).await;
        let (_, to_first) = second.up(0).await;
        first.still_linked(&to_second, &mut second, &to_first).await;
        flip.store(true, Ordering::Relaxed);
        to_first.try_send(&note(9)).unwrap();
        let reason = first.down(1).await;
        assert!(matches!(reason, CloseReason::Broken(_)), "{reason}");
        second.down(0).await;
    }
    first.up(1).await;
    second.up(0).await;
}
