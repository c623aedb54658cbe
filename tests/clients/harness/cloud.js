// The local cloud as a contributor starts it: the real binary in its own process.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const workspace = fileURLToPath(new URL('../../../', import.meta.url));
export const binary = process.env.COGNITO_MFA_LOCAL ?? join(workspace, 'target/debug/local');

if (!existsSync(binary)) throw new Error(`${binary} is not built: run \`cargo xtask test clients\``);

const running = new Set();

// Ends processes that a failed test has left behind.
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** Runs the binary without waiting. Both outputs are collected, line by line. */
export function run(flags) {
  const child = spawn(binary, flags, { cwd: workspace, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  child.once('close', () => running.delete(child));
  const output = { stdout: [], stderr: [] };
  const lines = {};
  for (const name of ['stdout', 'stderr']) {
    lines[name] = createInterface({ input: child[name] });
    lines[name].on('line', (line) => output[name].push(line));
  }
  const exited = new Promise((done) => child.once('close', (code, signal) => done({ code, signal, ...output })));
  return { child, lines, output, exited };
}

/** Starts a separate cloud for the caller and waits until it is ready. */
export async function startCloud(flags = ['--memory']) {
  const folder = temporaryFolder();
  const endpoints = join(folder.path, 'endpoints.json');
  const started = performance.now();
  const { child, lines, output, exited } = run(['--headless', '--port', '0', '--endpoints-file', endpoints, ...flags]);
  exited.finally(folder.remove);
  const path = await new Promise((ready, fail) => {
    lines.stdout.on('line', (line) => line.startsWith('READY ') && ready(line.slice('READY '.length)));
    exited.then(({ code }) => fail(new Error(`local ended with ${code}: ${output.stderr.join('\n')}`)));
  });
  const readyAfter = performance.now() - started;
  // A cloud that a test did not stop must not keep the test process from ending.
  for (const handle of [child, child.stdout, child.stderr]) handle.unref();
  return new Cloud(child, exited, output, JSON.parse(readFileSync(path, 'utf8')), readyAfter);
}

class Cloud {
  constructor(child, exited, output, endpoints, readyAfter) {
    Object.assign(this, { child, exited, output, endpoints, readyAfter, seen: new Map() });
  }

  get pid() {
    return this.child.pid;
  }

  get issuer() {
    return `https://cognito-idp.${this.endpoints.region}.amazonaws.com/${this.endpoints.userPoolId}`;
  }

  async jwks() {
    const { cognito, userPoolId } = this.endpoints;
    const response = await fetch(`${trim(cognito)}/${userPoolId}/.well-known/jwks.json`);
    return response.json();
  }

  /** Returns the messages to an address, newest last. */
  async messages(to) {
    const outbox = new URL(this.endpoints.outbox);
    outbox.searchParams.set('to', to);
    return (await fetch(outbox)).json();
  }

  /** Returns the code of the newest message to an address since the last call. Notices beside it have no
   * code. */
  async code(to) {
    const seen = this.seen.get(to) ?? 0;
    // Custom senders are called asynchronously, so a message may arrive after the answer.
    for (let tries = 0; tries < 200; tries += 1) {
      const messages = await this.messages(to);
      const newest = messages.findLastIndex(({ code }, at) => at >= seen && code !== undefined);
      if (newest !== -1) {
        this.seen.set(to, newest + 1);
        return messages[newest].code;
      }
      await setTimeout(25);
    }
    throw new Error(`no code was sent to ${to}`);
  }

  /** Calls the HTTP API. A plain object is sent as JSON, a string unchanged. */
  api(path, { token, method = 'GET', body, headers = {} } = {}) {
    const json = body !== undefined && typeof body !== 'string';
    return fetch(`${trim(this.endpoints.api)}${path}`, {
      method,
      body: json ? JSON.stringify(body) : body,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(json ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
    });
  }

  /** Calls the user pool's own API, as any SDK does. */
  async cognito(operation, parameters) {
    const response = await fetch(this.endpoints.cognito, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': `AWSCognitoIdentityProviderService.${operation}`,
      },
      body: JSON.stringify(parameters),
    });
    const text = await response.text();
    const body = text === '' ? {} : JSON.parse(text);
    if (!response.ok) throw Object.assign(new Error(body.message), { name: body.__type });
    return body;
  }

  /** Returns the resident memory of the cloud's own process, without its functions, in MB. */
  residentMB() {
    return (Number(ps('rss=', ['-p', String(this.pid)])) * 1024) / 1e6;
  }

  /** Ends the cloud. Returns how it ended and which of its processes still run. */
  async stop(signal = 'SIGTERM') {
    const family = descendants(this.pid);
    for (const handle of [this.child, this.child.stdout, this.child.stderr]) handle.ref();
    this.child.kill(signal);
    const end = await this.exited;
    let survivors = alive([this.pid, ...family]);
    // A killed process ends a moment later, a forgotten one does not.
    for (let tries = 0; survivors.length > 0 && tries < 50; tries += 1) {
      await setTimeout(20);
      survivors = alive(survivors);
    }
    return { ...end, family, survivors };
  }
}

/** Creates a folder for one test's files. `remove()` deletes it. */
export function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), 'cognito-mfa-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

function trim(url) {
  return url.replace(/\/$/, '');
}

function ps(columns, selection) {
  return execFileSync('ps', [...selection, '-o', columns], { encoding: 'utf8' }).trim();
}

function descendants(root) {
  const processes = ps('pid=,ppid=', ['-A']).split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  const family = [root];
  for (const parent of family) {
    family.push(...processes.filter(([, ppid]) => ppid === parent).map(([pid]) => pid));
  }
  return family.slice(1);
}

/** Returns the processes that still run. A process that has ended but was not waited for is left out. */
function alive(pids) {
  const states = ps('pid=,stat=', ['-A']).split('\n').map((line) => line.trim().split(/\s+/));
  const run = new Set(states.filter(([, state]) => !state.startsWith('Z')).map(([pid]) => Number(pid)));
  return pids.filter((pid) => run.has(pid));
}
