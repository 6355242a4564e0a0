//! A headless Chromium, driven by its DevTools protocol over loopback.

use base64::Engine;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

const PATIENCE: Duration = Duration::from_secs(60);

pub struct Browser {
    child: Child,
    socket: WebSocket<TcpStream>,
    next: u64,
    events: Vec<Value>,
    session: String,
    profile: TempDir,
}

/// A screen to look from.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    pub width: u32,
    pub height: u32,
    pub phone: bool,
    pub dark: bool,
}

impl Screen {
    pub const ALL: [Self; 4] = [
        Self { width: 1440, height: 900, phone: false, dark: false },
        Self { width: 1440, height: 900, phone: false, dark: true },
        Self { width: 390, height: 844, phone: true, dark: false },
        Self { width: 390, height: 844, phone: true, dark: true },
    ];

    pub fn name(self) -> String {
        format!("{}-{}", if self.phone { "phone" } else { "desktop" }, if self.dark { "dark" } else { "light" })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Browser {
    pub fn start() -> Self {
        let program = std::env::var("BENCH_CHROMIUM").unwrap_or_else(|_| "chromium".into());
        let profile = tempfile::tempdir().expect("a profile");
        let mut child = Command::new(&program)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--remote-debugging-port=0"])
            .args([
                "--no-first-run",
                "--disable-extensions",
                "--disable-background-networking",
                "--hide-scrollbars",
                "--disable-dev-shm-usage",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("{program} does not start: {e}"));
        let mut lines = BufReader::new(child.stderr.take().expect("its standard error")).lines();
        let url = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|l| l.strip_prefix("DevTools listening on ").map(str::to_owned))
            .expect("an address of the DevTools");
        // A full pipe would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        let address = url.trim_start_matches("ws://").split('/').next().expect("host and port").to_owned();
        let stream = TcpStream::connect(&address).expect("the DevTools answer");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        let (socket, _) = tungstenite::client::client(url.as_str(), stream).expect("a WebSocket");
        socket.get_ref().set_read_timeout(Some(Duration::from_millis(200))).expect("a time limit");
        let mut b = Self { child, socket, next: 0, events: vec![], session: String::new(), profile };
        let target = b.call("Target.createTarget", &json!({"url": "about:blank"}))["targetId"].clone();
        let attached = b.call("Target.attachToTarget", &json!({"targetId": target, "flatten": true}));
        b.session = attached["sessionId"].as_str().expect("a session").to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            b.call(&format!("{domain}.enable"), &json!({}));
        }
        b
    }

    /// One message, if there is one soon.
    fn read(&mut self) -> Option<Value> {
        match self.socket.read() {
            Ok(Message::Text(t)) => serde_json::from_str(&t).ok(),
            Ok(_) => None,
            Err(tungstenite::Error::Io(e)) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => None,
            Err(e) => panic!("Chromium is gone: {e}"),
        }
    }

    pub fn call(&mut self, method: &str, params: &Value) -> Value {
        self.next += 1;
        let id = self.next;
        let mut message = json!({"id": id, "method": method, "params": params});
        if !self.session.is_empty() && !method.starts_with("Target.") && !method.starts_with("Browser.") {
            message["sessionId"] = self.session.clone().into();
        }
        self.socket.send(Message::text(message.to_string())).expect("sent");
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let Some(answer) = self.read() else { continue };
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.events.push(answer);
        }
        panic!("{method}: no answer within {PATIENCE:?}");
    }

    /// Opens a page on a screen and waits until every plot is drawn.
    pub fn open(&mut self, page: &Path, screen: Screen) {
        self.open_at(page, "", screen);
    }

    /// The same, at an address within the page: `#id&t=FROM-TO`.
    pub fn open_at(&mut self, page: &Path, hash: &str, screen: Screen) {
        // Another fragment alone would load nothing.
        self.call("Page.navigate", &json!({"url": "about:blank"}));
        self.wait("location.protocol === 'about:'");
        self.events.clear();
        let (width, height, phone) = (screen.width, screen.height, screen.phone);
        self.call(
            "Emulation.setDeviceMetricsOverride",
            &json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}),
        );
        self.call("Emulation.setTouchEmulationEnabled", &json!({"enabled": phone}));
        let scheme = if screen.dark { "dark" } else { "light" };
        self.call("Emulation.setEmulatedMedia", &json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}));
        self.call("Page.navigate", &json!({"url": format!("file://{}{hash}", page.display())}));
        self.wait(
            "document.readyState === 'complete' && location.protocol === 'file:' && document.documentElement.dataset.drawn !== undefined",
        );
    }

    /// The value of an expression; promises are waited for.
    #[track_caller]
    pub fn eval(&mut self, expression: &str) -> Value {
        let r = self.call("Runtime.evaluate", &json!({"expression": expression, "returnByValue": true, "awaitPromise": true}));
        assert!(r["exceptionDetails"].is_null(), "{expression}: {}", r["exceptionDetails"]);
        r["result"]["value"].clone()
    }

    /// Until it is true.
    #[track_caller]
    pub fn wait(&mut self, expression: &str) {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if self.eval(expression) == true {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("not within {PATIENCE:?}: {expression}\n{:?}", self.complaints());
    }

    /// Errors and warnings of the console, and whatever was asked of a network.
    pub fn complaints(&mut self) -> Vec<String> {
        // Whatever is under way.
        self.eval("new Promise(r => setTimeout(r, 50))");
        let mut out = vec![];
        for e in &self.events {
            let p = &e["params"];
            match e["method"].as_str().unwrap_or_default() {
                "Runtime.exceptionThrown" => out.push(p["exceptionDetails"].to_string()),
                "Runtime.consoleAPICalled" if p["type"] == "error" || p["type"] == "warning" || p["type"] == "assert" => {
                    out.push(p["args"].to_string());
                }
                // Swiftshader says that it is slow.
                "Log.entryAdded" if p["entry"]["level"] != "info" && !p["entry"]["text"].to_string().contains("GPU stall") => {
                    out.push(p["entry"].to_string());
                }
                "Network.requestWillBeSent" => {
                    let url = p["request"]["url"].as_str().unwrap_or_default();
                    if !["file:", "data:", "blob:"].iter().any(|s| url.starts_with(s)) {
                        out.push(format!("asks the network for {url}"));
                    }
                }
                _ => {}
            }
        }
        out
    }

    /// Presses the mouse at the middle of an element, after moving there.
    pub fn click(&mut self, element: &str) {
        let at = self.eval(&format!(
            "(() => {{ const e = {element}; e.scrollIntoView({{block: 'center', behavior: 'instant'}}); \
             const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
        ));
        let (x, y) = (&at[0], &at[1]);
        for (kind, buttons) in [("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 1)] {
            self.call(
                "Input.dispatchMouseEvent",
                &json!({"type": kind, "x": x, "y": y, "button": "left", "buttons": buttons, "clickCount": 1}),
            );
            // Plotly looks where the mouse is at most twenty times a second.
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub fn key(&mut self, key: &str, code: u32, text: &str) {
        let press = json!({"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
        self.call("Input.dispatchKeyEvent", &press);
        self.call("Input.dispatchKeyEvent", &json!({"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code}));
    }

    /// A directory for what is saved by pages.
    pub fn downloads(&mut self) -> PathBuf {
        let dir = self.profile.path().join("saved");
        std::fs::create_dir_all(&dir).expect("a directory");
        self.call("Browser.setDownloadBehavior", &json!({"behavior": "allow", "downloadPath": dir.display().to_string()}));
        dir
    }

    /// Keeps a picture of the page from a height on, if pictures are wanted.
    pub fn picture(&mut self, name: &str, from: &str) {
        let Some(dir) = std::env::var_os("BENCH_SCREENSHOTS").map(PathBuf::from) else { return };
        self.eval(&format!("window.scrollTo({{top: {from}, behavior: 'instant'}})"));
        self.eval("new Promise(r => setTimeout(r, 150))");
        let shot = self.call("Page.captureScreenshot", &json!({"format": "png"}));
        let png = base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().expect("a picture")).expect("base64");
        std::fs::create_dir_all(&dir).expect("a directory");
        std::fs::write(dir.join(format!("{name}.png")), png).expect("written");
    }

    pub fn pdf(&mut self) -> Vec<u8> {
        let r = self.call("Page.printToPDF", &json!({"printBackground": true}));
        base64::engine::general_purpose::STANDARD.decode(r["data"].as_str().expect("a document")).expect("base64")
    }
}
