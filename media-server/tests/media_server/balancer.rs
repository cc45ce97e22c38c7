//! What is in front of several servers: it leads each new connection to the one that it is told to.

use std::io::copy;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

pub struct Balancer {
    pub address: SocketAddr,
    leads: Arc<Mutex<Lead>>,
}

struct Lead {
    to: SocketAddr,
    /// Both ends of all connections so far
    sockets: Vec<TcpStream>,
}

impl Balancer {
    pub fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let leads = Arc::new(Mutex::new(Lead {
            to,
            sockets: Vec::new(),
        }));
        let leading = leads.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let mut lead = leading.lock().unwrap();
                let client = client.unwrap();
                // Where nobody listens, the client's connection is closed.
                if let Ok(server) = TcpStream::connect(lead.to) {
                    join(&client, &server);
                    join(&server, &client);
                    lead.sockets.extend([client, server]);
                }
            }
        });
        Self { address, leads }
    }

    /// Leads connections there from now on. Those that are open stay.
    pub fn lead_to(&self, to: SocketAddr) {
        self.leads.lock().unwrap().to = to;
    }

    /// Breaks off all connections.
    pub fn cut(&self) {
        for socket in self.leads.lock().unwrap().sockets.drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// Passes on what comes from one to the other, until one of them is gone.
fn join(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        let _ = copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}
