// The reverse proxies of deploy/, with the configuration that is there, in front of one server.
import { spawn, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { until, within } from "./harness.mjs";

const deploy = fileURLToPath(new URL("../../deploy/", import.meta.url));

async function freePort() {
  const probe = createServer();
  await new Promise((resume) => probe.listen(0, "127.0.0.1", resume));
  const { port } = probe.address();
  await new Promise((resume) => probe.close(resume));
  return port;
}

/** Replaces a text that must be there: a changed configuration must not slip past what is tested. */
function exchange(text, ...pairs) {
  for (const [from, to] of pairs) {
    if (!text.includes(from)) throw new Error(`deploy/ has no ${JSON.stringify(from)} any more`);
    text = text.replaceAll(from, to);
  }
  return text;
}

const makers = {
  nginx(folder, port, server) {
    const site = exchange(
      readFileSync(path.join(deploy, "nginx.conf"), "utf8"),
      ["listen 443 ssl", `listen 127.0.0.1:${port} ssl`],
      ["server 127.0.0.1:4600;", `server 127.0.0.1:${server.port};`],
      ["/etc/ssl/chat.example.pem", path.join(folder, "cert.pem")],
      ["/etc/ssl/chat.example.key", path.join(folder, "key.pem")],
    );
    writeFileSync(path.join(folder, "site.conf"), site);
    const kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    kinds.forEach((kind) => mkdirSync(path.join(folder, kind)));
    const main = path.join(folder, "nginx.conf");
    writeFileSync(
      main,
      `${process.getuid() === 0 ? "user root;" : ""}
      daemon off; worker_processes 1; pid ${folder}/pid; error_log stderr;
      events { worker_connections 1024; }
      http {
        access_log off;
        ${kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join("\n")}
        include ${folder}/site.conf;
      }`,
    );
    const run = ["-e", "stderr", "-p", folder, "-c", main];
    execFileSync("nginx", ["-t", ...run], { stdio: "pipe", env: withSbin() });
    return ["nginx", run];
  },

  caddy(folder, port, server) {
    const file = path.join(folder, "Caddyfile");
    const site = exchange(
      readFileSync(path.join(deploy, "Caddyfile"), "utf8"),
      ["chat.example {", `https://127.0.0.1:${port}, https://chat.example:${port} {\n\ttls ${folder}/cert.pem ${folder}/key.pem\n\tbind 127.0.0.1`],
      ["reverse_proxy 127.0.0.1:4600 {", `reverse_proxy 127.0.0.1:${server.port} {`],
    );
    writeFileSync(file, `{\n\tadmin off\n\tauto_https disable_redirects\n}\n${site}`);
    return ["caddy", ["run", "--adapter", "caddyfile", "--config", file]];
  },
};

export const proxies = Object.keys(makers);

/** Debian keeps servers where only root looks by default. */
function withSbin(more = {}) {
  return { ...process.env, PATH: `${process.env.PATH}:/usr/sbin`, ...more };
}

/** Starts the proxy; returns `{ url, port, close }`. */
export async function startProxy(kind, server) {
  const folder = mkdtempSync(path.join(tmpdir(), `rollcall-${kind}-`));
  const subject = ["-subj", "/CN=chat.example", "-addext", "subjectAltName=DNS:chat.example,IP:127.0.0.1"];
  const files = ["-keyout", path.join(folder, "key.pem"), "-out", path.join(folder, "cert.pem")];
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", ...subject, ...files], { stdio: "pipe" });
  const port = await freePort();
  const [program, run] = makers[kind](folder, port, server);
  let said = "";
  const child = spawn(program, run, { env: withSbin({ HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }), stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said = (said + text).slice(-4_000)));
  const ended = new Promise((resume) => child.once("exit", resume).once("error", (error) => ((said += error), resume())));
  // Not SIGKILL: nginx' workers would outlive it.
  const kill = () => child.kill("SIGTERM");
  process.on("exit", kill);
  const url = `https://127.0.0.1:${port}`;
  const ca = readFileSync(path.join(folder, "cert.pem"), "utf8");
  const proxy = {
    url,
    ca,
    /** One request through the proxy. */
    ask: (method, where, headers = {}) => request(url + where, { method, headers, ca }),
    async close() {
      kill();
      await within(`${kind} is gone`, ended);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await until(
    () => `${kind} is ready: ${said}`,
    () => {
      if (child.exitCode !== null) throw new Error(`${kind} ended at its start: ${said}`);
      return proxy.ask("GET", "/health").then((answer) => answer.status === 200, () => false);
    },
  );
  return proxy;
}

async function request(url, { method, headers, ca }) {
  const { request: open } = await import("node:https");
  return new Promise((resume, reject) => {
    const asked = open(url, { method, headers, ca, agent: false }, (answer) => {
      let body = "";
      answer.on("data", (part) => (body += part)).on("end", () => resume({ status: answer.statusCode, headers: answer.headers, body }));
    });
    asked.on("error", reject).end();
  });
}
