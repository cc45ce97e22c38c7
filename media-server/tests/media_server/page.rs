//! The page, in Chromium.

use crate::balancer::Balancer;
use crate::clips::launch;
use crate::patience::{self, PATIENCE, PATIENCE_WITH_PROGRAMS};
use crate::server::Server;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::json;
use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A browser without a window, for as long as it is not dropped.
struct Browser {
    driver: Child,
    client: Client,
    folder: PathBuf,
}

impl Browser {
    async fn start(name: &str) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            // With a group of its own, so that the browser ends with it.
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .expect("chromedriver (Debian: apt install chromium chromium-driver)");
        let stdout = BufReader::new(driver.stdout.take().unwrap());
        let find_port = move || {
            stdout.lines().map_while(Result::ok).find_map(|line| {
                let (_, port) = line.split_once("started successfully on port ")?;
                port.trim_end_matches('.').parse::<u16>().ok()
            })
        };
        let port = patience::within("chromedriver's port", find_port).expect("chromedriver's port");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("chromium-{name}-{}", std::process::id()));
        let arguments = [
            "--headless",
            // There is none for root, which runs these tests in containers.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            // It has no business with anybody but the server.
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=390,1200",
            &format!("--user-data-dir={}", folder.display()),
        ];
        let options = json!({ "goog:chromeOptions": { "args": arguments } });
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(options.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a session");
        Self {
            driver,
            client,
            folder,
        }
    }

    async fn text(&self, selector: &str) -> String {
        let element = self
            .client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::Css(selector));
        element.await.unwrap().text().await.unwrap()
    }

    /// Waits until the text at `selector` is as it should be.
    async fn wait_for_text(&self, selector: &str, condition: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let text = self.text(selector).await;
            if condition(&text) {
                return text;
            }
            assert!(began.elapsed() < PATIENCE, "{selector}: {text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// How many different pictures are seen at `selector` until there are `enough`.
    async fn see_pictures(&self, selector: &str, enough: usize) {
        let began = Instant::now();
        let mut seen = HashSet::new();
        while seen.len() < enough {
            let element = self.client.find(Locator::Css(selector)).await.unwrap();
            seen.insert(element.screenshot().await.unwrap());
            assert!(began.elapsed() < PATIENCE, "{} pictures", seen.len());
        }
    }

    /// Waits until the picture of a stream has this colour.
    async fn wait_for_colour(&self, stream: &str, expected: [u8; 3]) {
        let selector = format!("[data-stream={stream}] img");
        let began = Instant::now();
        loop {
            let element = self.client.find(Locator::Css(&selector)).await.unwrap();
            let png = element.screenshot().await.unwrap();
            let screenshot = image::load_from_memory(&png).unwrap().into_rgb8();
            let centre = (screenshot.width() / 2, screenshot.height() / 2);
            let colour = screenshot.get_pixel(centre.0, centre.1).0;
            if colour
                .iter()
                .zip(expected)
                .all(|(level, expected)| level.abs_diff(expected) < 10)
            {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{colour:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = format!("-{}", self.driver.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.driver.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Runs `test` in a browser, which may take long, but not for ever.
async fn in_browser(name: &str, test: impl AsyncFnOnce(&Browser)) {
    let all = async {
        let browser = Browser::start(name).await;
        test(&browser).await;
        browser.client.clone().close().await.unwrap();
    };
    let ended = tokio::time::timeout(PATIENCE_WITH_PROGRAMS, all).await;
    ended.expect("the browser does not hang");
}

/// A clip with colours that move.
fn clip() -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("media_server-clip-{}.avi", std::process::id()));
    launch(&format!(
        "videotestsrc pattern=ball num-buffers=50 ! video/x-raw,width=96,height=64,framerate=25/1 \
         ! jpegenc ! avimux ! filesink location={}",
        path.display()
    ));
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_moves() {
    let clip = clip();
    let server = Server::start(&["--demo", clip.to_str().unwrap()]);
    in_browser("demo", async |browser| {
        browser.client.goto(&server.url("/")).await.unwrap();
        browser
            .wait_for_text(
                "[data-stream=demo] [data-figure=frames_per_second]",
                |text| text.parse().is_ok_and(|rate: f64| rate > 0.0),
            )
            .await;
        browser.see_pictures("[data-stream=demo] img", 8).await;
        // The clip has begun again by then, and goes on.
        let frames = |text: &str| text.parse::<u64>().unwrap_or(0);
        let selector = "[data-stream=demo] [data-figure=shown]";
        let before = frames(
            &browser
                .wait_for_text(selector, |text| frames(text) > 60)
                .await,
        );
        browser
            .wait_for_text(selector, |text| frames(text) > before)
            .await;
        browser
            .wait_for_text("[data-stream=demo] [data-figure=viewers]", |text| {
                text == "1"
            })
            .await;
        browser
            .wait_for_text("[data-stream=demo] [data-figure=convert_p99_ms]", |text| {
                text.strip_suffix(" ms")
                    .is_some_and(|time| time.parse::<f64>().is_ok_and(|time| time > 0.0))
            })
            .await;
    })
    .await;
    std::fs::remove_file(clip).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_stream_shows_its_error_and_streams_come_and_go() {
    let server = Server::start(&["--encoder", "identity error-after=100 ! jpegenc"]);
    in_browser("failing", async |browser| {
        browser.client.goto(&server.url("/")).await.unwrap();
        browser
            .wait_for_text("#none", |text| text.contains("No streams yet"))
            .await;
        let server = std::sync::Arc::new(server);
        let posting = server.clone();
        tokio::task::spawn_blocking(move || {
            posting.post_numbers_at("good", 0..80, 2);
            posting.post_numbers_at("bad", 0..110, 1000);
        })
        .await
        .unwrap();
        browser
            .wait_for_text("[data-stream=bad] .error", |text| {
                text.contains("Failed after")
            })
            .await;
        browser
            .wait_for_text("[data-stream=bad] h2", |text| text.contains("failed"))
            .await;
        browser.see_pictures("[data-stream=good] img", 3).await;
        let good = browser.text("[data-stream=good] h2").await;
        assert!(good.contains("BGRP_F32LE 320x320"), "{good}");
        browser
            .wait_for_text("#summary", |text| text.starts_with("2 streams, "))
            .await;

        let deleting = server.clone();
        tokio::task::spawn_blocking(move || deleting.delete("/streams/bad"))
            .await
            .unwrap();
        browser
            .wait_for_text("#summary", |text| text.starts_with("1 stream, "))
            .await;
        let gone = browser
            .client
            .find_all(Locator::Css("[data-stream=bad]"))
            .await
            .unwrap();
        assert!(gone.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_picture_is_shown_before_another_one_comes() {
    let server = Server::start(&[]);
    let path = "/streams/still/frames?format=RGB_F32LE&width=1&height=1";
    let colours = [[1_f32, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let frames: Vec<u8> = colours
        .concat()
        .into_iter()
        .flat_map(f32::to_le_bytes)
        .collect();
    assert_eq!(server.post(path, &frames).json()["accepted"], 3);
    in_browser("still", async |browser| {
        browser.client.goto(&server.url("/")).await.unwrap();
        browser.text("[data-stream=still] h2").await;
        browser.wait_for_colour("still", [0, 0, 255]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_comes_again_wherever_its_stream_goes() {
    let (home, other) = (Server::start(&[]), Server::start(&[]));
    let balancer = Balancer::start(home.address);
    let post = |server: &Server, colour: [f32; 3]| {
        let frame: Vec<u8> = colour.into_iter().flat_map(f32::to_le_bytes).collect();
        let path = "/streams/still/frames?format=RGB_F32LE&width=1&height=1&takeover=true";
        assert_eq!(server.post(path, &frame).json()["accepted"], 1);
    };
    post(&home, [1.0, 0.0, 0.0]);
    // Not asked for, and not shown
    home.post_numbers("another", 0..1);
    in_browser("scale", async |browser| {
        let page = format!("http://{}/?stream=still", balancer.address);
        browser.client.goto(&page).await.unwrap();
        browser.text("[data-stream=still] h2").await;
        browser.wait_for_colour("still", [255, 0, 0]).await;
        let all = browser.client.find_all(Locator::Css("article"));
        assert_eq!(all.await.unwrap().len(), 1);
        // The server is gone, and another one has the stream.
        post(&other, [0.0, 1.0, 0.0]);
        balancer.lead_to(other.address);
        balancer.cut();
        browser.wait_for_colour("still", [0, 255, 0]).await;
        // Only the connections break.
        balancer.cut();
        post(&other, [1.0, 1.0, 1.0]);
        browser.wait_for_colour("still", [255, 255, 255]).await;
    })
    .await;
}
