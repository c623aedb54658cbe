// Unmodified Amplify v6 on a page at http://localhost, in Chromium with a virtual passkey authenticator (CDP).
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

import { startPage } from './browser.js';

const ENTRY = `
  import { Amplify } from 'aws-amplify';
  import * as auth from 'aws-amplify/auth';
  // The module itself: Amplify replaces its export autoSignIn while it runs.
  window.amplify = auth;
  window.configure = (cognito) => Amplify.configure({ Auth: { Cognito: cognito } });
`;

const AUTHENTICATOR = {
  protocol: 'ctap2',
  transport: 'internal',
  hasResidentKey: true,
  hasUserVerification: true,
  isUserVerified: true,
  automaticPresenceSimulation: true,
};

/** Opens the page. A passkey's origin is its `http://localhost:<port>`. */
export async function startAmplifyPage() {
  const bundled = await build({
    stdin: { contents: ENTRY, resolveDir: fileURLToPath(new URL('..', import.meta.url)) },
    bundle: true,
    format: 'iife',
    logLevel: 'error',
    platform: 'browser',
    write: false,
  });
  const [{ text: script }] = bundled.outputFiles;
  const server = createServer((request, response) => {
    const isScript = request.url === '/amplify.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : '<!doctype html><title>Amplify</title><script src="/amplify.js"></script>');
  });
  await new Promise((listening) => server.listen(0, 'localhost', listening));
  const browser = await startPage();
  await browser.page.goto(`http://localhost:${server.address().port}/`);
  return new AmplifyPage(browser, server);
}

class AmplifyPage {
  constructor(browser, server) {
    Object.assign(this, { browser, page: browser.page, server });
  }

  configure(cognito) {
    return this.page.evaluate((settings) => window.configure(settings), cognito);
  }

  /** Calls a function of `aws-amplify/auth`. An error has Amplify's name and message. */
  async call(name, input) {
    const { value, error } = await this.page.evaluate(
      async ([operation, argument]) => {
        try {
          return { value: await window.amplify[operation](argument) };
        } catch (fault) {
          return { error: { name: fault.name, message: fault.message } };
        }
      },
      [name, input],
    );
    if (error) throw Object.assign(new Error(error.message), { name: error.name });
    return value;
  }

  /** Returns the access token of the user who is signed in. */
  accessToken() {
    return this.page.evaluate(async () => (await window.amplify.fetchAuthSession()).tokens?.accessToken.toString());
  }

  /** Plugs in an authenticator. Returns its passkeys' counters and more through `credentials`. */
  async plugIn(options = {}) {
    this.devtools ??= await this.page.context().newCDPSession(this.page);
    await this.devtools.send('WebAuthn.enable');
    const added = await this.devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: { ...AUTHENTICATOR, ...options },
    });
    const id = { authenticatorId: added.authenticatorId };
    return {
      credentials: async () => (await this.devtools.send('WebAuthn.getCredentials', id)).credentials,
      setUserVerified: (isUserVerified) =>
        this.devtools.send('WebAuthn.setUserVerified', { ...id, isUserVerified }),
      add: (credential) => this.devtools.send('WebAuthn.addCredential', { ...id, credential }),
      unplug: () => this.devtools.send('WebAuthn.removeVirtualAuthenticator', id),
    };
  }

  async close() {
    await this.browser.close();
    await new Promise((closed) => this.server.close(closed));
  }
}
