// A pool with three app clients: `native` (Cognito's own factors), `custom` (the password, then a challenge)
// and `passwordless` (a challenge at once). Owners use the clients, and attackers attack them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { deviceSecret } from '../../../../local/src/console/demo/srp.js';
import { Authenticator } from '../../harness/authenticator.js';
import { startCloud, temporaryFolder } from '../../harness/cloud.js';
import { Device } from '../../harness/device.js';
import { endSignIns, storedFactors } from '../../harness/factors.js';
import { templateWith } from '../../harness/policy.js';
import { newAddress, PASSWORD } from '../../harness/user.js';
import { SignIn } from './sign-in.js';

export const NEW_PASSWORD = 'Another-Horse-8';
/** Has the form of a recovery code, but is invalid. */
export const NO_CODE = '0000-0000-0000-0000-0000-0000';
export const GROUP_OF_HELPERS = 'helpers';
export const GROUP_OF_TWO_FACTORS = 'two-factors';

// Journeys are not about the delays between messages and attempts.
const policyWith = (admin, passwordless) => `
  [governor]
  dry_run = true
  [admin]
  groups = ["${GROUP_OF_HELPERS}"]
  ${admin}
  [custom_auth]
  back_off_seconds = 1
  back_off_max_seconds = 1
  resend_after_seconds = 1
  [custom_auth.clients.custom.groups.${GROUP_OF_TWO_FACTORS}]
  factors = 2
  [custom_auth.clients.server]
  first_step = "passwordless"
  ${passwordless}
`;

let phones = 0;

/** The world of a file's journeys: one cloud, started before them. `admin` and `passwordless` hold keys for the
 * policy's tables of the administrators and of that client, `policy` further tables. */
export function worldOf({ mfa = 'optional', admin = '', passwordless = '', policy = '' } = {}) {
  const world = new World();
  const folder = temporaryFolder();
  before(() => world.open(['--mfa', mfa, '--template', templateWith(folder.path, policyWith(admin, passwordless) + policy)]));
  after(async () => {
    folder.remove();
    await world.cloud?.stop();
  });
  return world;
}

/** A test of one attack. Its name begins with what the attacker knows or holds. */
export function journey(name, walk) {
  test(name, { timeout: 600_000 }, walk);
}

export class World {
  /** The number of clients' calls so far. */
  calls = 0;

  async open(flags) {
    this.cloud = await startCloud(['--memory', ...flags]);
    const { userPoolId: UserPoolId, clients } = this.cloud.endpoints;
    this.pool = { UserPoolId };
    this.clients = {
      native: clients.native,
      custom: { ...clients.custom, custom: true },
      passwordless: { ...clients.server, custom: true },
    };
    await this.cognito('UpdateUserPoolClient', {
      UserPoolId,
      ClientId: clients.server.id,
      ExplicitAuthFlows: ['ALLOW_CUSTOM_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
      PreventUserExistenceErrors: 'ENABLED',
    });
    for (const GroupName of [GROUP_OF_HELPERS, GROUP_OF_TWO_FACTORS, 'owners']) {
      await this.cognito('CreateGroup', { UserPoolId, GroupName });
    }
  }

  cognito(operation, parameters) {
    this.calls += 1;
    return this.cloud.cognito(operation, parameters);
  }

  /** Begins a sign-in. */
  signIn(client, { name }, proofs) {
    return new SignIn(this, client, name).begin(proofs);
  }

  /** Collects the messages to an address from now on. */
  async mailbox(address) {
    const codes = async () => (await this.cloud.messages(address)).flatMap(({ code }) => code ?? []);
    const { length } = await codes();
    return {
      nextCode: async () => {
        for (let tries = 0; tries < 400; tries += 1) {
          const code = (await codes())[length];
          if (code !== undefined) return code;
          await setTimeout(25);
        }
        throw new Error(`no code was sent to ${address}`);
      },
    };
  }

  /** Lets some minutes pass: running sign-ins expire. */
  laterOn({ sub }) {
    return endSignIns(this.cloud, sub);
  }

  /** Returns the subjects of the messages to an address, once one of them matches `pattern`. */
  async subjects(address, pattern) {
    for (let tries = 0; tries < 200; tries += 1) {
      const subjects = (await this.cloud.messages(address)).map(({ subject }) => subject ?? '');
      if (subjects.some((subject) => pattern.test(subject))) return subjects;
      await setTimeout(25);
    }
    throw new Error(`no message like ${pattern} was sent to ${address}`);
  }

  // ---- Owners, and how they come to their factors ----

  /** Creates a confirmed user with a verified e-mail address. `phone` adds a verified number. */
  async newUser({ name = newAddress(), phone = false, groups = [] } = {}) {
    const owner = { name, email: name, password: PASSWORD, recoveryCodes: [] };
    const attributes = { email: name, email_verified: 'true' };
    if (phone) {
      phones += 1;
      owner.phone = `+1202555${String(1000 + phones)}`;
      Object.assign(attributes, { phone_number: owner.phone, phone_number_verified: 'true' });
    }
    const user = { ...this.pool, Username: name };
    const UserAttributes = Object.entries(attributes).map(([Name, Value]) => ({ Name, Value }));
    await this.cognito('AdminCreateUser', { ...user, MessageAction: 'SUPPRESS', UserAttributes });
    await this.cognito('AdminSetUserPassword', { ...user, Password: PASSWORD, Permanent: true });
    for (const GroupName of groups) await this.cognito('AdminAddUserToGroup', { ...user, GroupName });
    const told = await this.cognito('AdminGetUser', user);
    owner.sub = told.UserAttributes.find(({ Name }) => Name === 'sub').Value;
    owner.userName = told.Username;
    return owner;
  }

  /** Creates an owner who set up an authenticator in the first sign-in at `custom`. The owner has signed in
   * with a code of it and has recovery codes. The codes of two further time steps are left. */
  async newUserWithAuthenticator(wishes) {
    const owner = await this.newUser(wishes);
    await this.firstSignIn(owner);
    owner.signIn = await this.signInByAuthenticator(owner);
    owner.recoveryCodes = await this.mintRecoveryCodes(owner.signIn);
    assert.equal(owner.recoveryCodes.length, 10, 'the owner makes recovery codes after a proven sign-in');
    const { own } = await this.factorsOf(owner);
    assert.equal(own.authenticators.length, 1);
    return owner;
  }

  /** Creates such an owner who also has a pool authenticator, which recovery asks for. */
  async newUserWithBothAuthenticators(wishes) {
    const owner = await this.newUserWithAuthenticator(wishes);
    owner.poolApp = await this.setUpPoolAuthenticator(owner.signIn);
    return owner;
  }

  /** Makes the first sign-in at `custom`, with an authenticator set up in it or right after it. */
  async firstSignIn(owner) {
    const signIn = await this.signIn('custom', owner, { password: owner.password });
    const [channel, address] = owner.phone === undefined ? ['email', owner.email] : ['sms', owner.phone];
    // The codes that a recovery left are the owner's second factor until there is a new authenticator.
    if (signIn.factors.includes('recovery-code')) {
      await signIn.answer('recovery-code');
      await signIn.answer(owner.recoveryCodes.pop());
    } else await signIn.answerByMessage(channel, address);
    await this.#enrol(owner, signIn);
    owner.signIn = signIn;
    owner.app ??= await this.addAuthenticator(signIn, owner.lostApp);
    assert.ok(owner.app, 'the owner gets an authenticator at the first sign-in');
  }

  async #enrol(owner, signIn) {
    if (signIn.step === 'enrol') {
      owner.app = new Authenticator(signIn.shown.secret, owner.lostApp);
      await signIn.answer(owner.lostApp === undefined ? await owner.app.late() : await unusedCode(owner.app));
    }
    assert.ok(signIn.tokens, `the owner signs in at custom: ${signIn.refusal ?? signIn.step}`);
  }

  /** Marks the owner's factors as lost. The next sign-in sets up a new authenticator. A recovery leaves
   * codes. */
  lose(owner, recoveryCodes = []) {
    Object.assign(owner, { lostApp: owner.app, app: undefined, poolApp: undefined, recoveryCodes });
  }

  /** Creates an owner without an authenticator who has signed in at `custom` by text message. */
  async newUserBySms(wishes) {
    const owner = await this.newUser({ ...wishes, phone: true });
    owner.signIn = await this.signIn('custom', owner, { password: owner.password });
    await owner.signIn.answerByMessage('sms', owner.phone);
    assert.ok(owner.signIn.tokens, 'the owner signs in at custom by text message');
    return owner;
  }

  /** Creates an owner with a pool authenticator, who has signed in with it at `native`. */
  async newUserWithPoolAuthenticator(wishes) {
    const owner = await this.newUser(wishes);
    owner.poolApp = await this.setUpPoolAuthenticator(await this.signInNatively(owner));
    await this.signInNatively(owner);
    owner.signIn = await this.signInNatively(owner);
    return owner;
  }

  /** Signs in the owner at `native`, with the pool factors. */
  async signInNatively(owner) {
    const signIn = await this.signIn('native', owner, { password: owner.password });
    if (signIn.challenge === 'SOFTWARE_TOKEN_MFA') await signIn.answer(owner.poolApp.next());
    if (signIn.challenge === 'MFA_SETUP') owner.poolApp = await signIn.setUpInPool();
    assert.ok(signIn.tokens, `the owner signs in at native: ${signIn.refusal ?? signIn.challenge}`);
    return signIn;
  }

  /** Signs in the owner at `custom` with a code of the authenticator. */
  async signInByAuthenticator(owner) {
    const signIn = await this.signIn('custom', owner, { password: owner.password });
    if (signIn.challenge === 'SOFTWARE_TOKEN_MFA') await signIn.answer(owner.poolApp.next());
    await signIn.answer(await unusedCode(owner.app));
    assert.ok(signIn.tokens, `the owner signs in by authenticator: ${signIn.refusal ?? signIn.step}`);
    return signIn;
  }

  /** Signs in the owner at `custom` as usual, with the factors that they have. It must work. */
  async signInAsOwner(owner) {
    const signIn = await this.signIn('custom', owner, { password: owner.password });
    if (signIn.challenge === 'SOFTWARE_TOKEN_MFA') await signIn.answer(owner.poolApp.next());
    assert.equal(signIn.step, 'begin', `the owner's sign-in begins: ${signIn.refusal}`);
    if (owner.recoveryCodes.length > 0) await signIn.answer(owner.recoveryCodes.pop());
    else if (owner.phone !== undefined) await signIn.answerByMessage('sms', owner.phone);
    else await signIn.answerByMessage('email', owner.email);
    await this.#enrol(owner, signIn);
    return signIn;
  }

  /** Creates a member of the administrators' group, after a sign-in at `custom` with an authenticator. */
  newHelper() {
    return this.newUserWithAuthenticator({ groups: [GROUP_OF_HELPERS] });
  }

  /** Returns what the table and the pool hold about a user's factors and addresses. */
  async factorsOf({ sub, name }) {
    const stored = (await storedFactors(this.cloud, sub)) ?? {};
    const entries = (attribute) => Object.entries(stored[attribute]?.M ?? {});
    const user = await this.cognito('AdminGetUser', { ...this.pool, Username: name });
    const kept = ['email', 'email_verified', 'phone_number', 'phone_number_verified'];
    return {
      own: {
        authenticators: entries('authenticators').filter(([, { M }]) => M.confirmed.BOOL).map(([id]) => id).sort(),
        recoveryCodes: (stored.recovery?.SS ?? []).toSorted(),
        devices: entries('devices').map(([id]) => id).sort(),
        passkeys: entries('passkeys').map(([id]) => id).sort(),
      },
      pool: {
        enabled: (user.UserMFASettingList ?? []).toSorted(),
        preferred: user.PreferredMfaSetting,
        ...Object.fromEntries(
          user.UserAttributes.filter(({ Name }) => kept.includes(Name)).map(({ Name, Value }) => [Name, Value]),
        ),
      },
    };
  }

  /** Runs an attack that must leave a user's factors as they are. */
  async unchanged(owner, walk) {
    const atFirst = await this.factorsOf(owner);
    await walk();
    assert.deepEqual(await this.factorsOf(owner), atFirst, 'factors or addresses changed');
  }

  // ---- What a token is tried for. A sign-in without tokens is tried as well: the answer is a no. ----

  /** Calls the HTTP API with the access token of a sign-in. */
  async call(signIn, method, path, body) {
    this.calls += 1;
    const response = await this.cloud.api(path, { token: signIn.tokens?.AccessToken, method, body });
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
  }

  /** Creates recovery codes. Returns an empty list if the request is refused. */
  async mintRecoveryCodes(signIn) {
    const { body } = await this.call(signIn, 'POST', '/mfa/recovery-codes');
    return body.codes ?? [];
  }

  /** Sets up and confirms a named authenticator, unless the request is refused. `after` is an authenticator
   * that the user has. */
  async addAuthenticator(signIn, after) {
    const { body } = await this.call(signIn, 'POST', '/mfa/authenticators', { name: 'App' });
    if (body.secret === undefined) return undefined;
    const app = new Authenticator(body.secret, after);
    const code = after === undefined ? await app.late() : await unusedCode(app);
    const { status } = await this.call(signIn, 'POST', `/mfa/authenticators/${body.id}/verify`, { code });
    return status === 200 ? app : undefined;
  }

  /** Registers a trusted device, unless the request is refused. */
  async trustDevice(signIn) {
    const device = await Device.make();
    const body = { name: 'Laptop', publicKey: device.publicKey };
    const { status, body: kept } = await this.call(signIn, 'POST', '/mfa/trusted-devices', body);
    if (status !== 201) return undefined;
    const { sub, client_id: clientId } = signIn.claims;
    return Object.assign(device, { id: kept.id, sub, clientId });
  }

  /** Sets up a pool authenticator by Cognito's own calls, if the sign-in gave a token. */
  async setUpPoolAuthenticator(signIn) {
    const AccessToken = signIn.tokens?.AccessToken;
    if (AccessToken === undefined) return undefined;
    const { SecretCode } = await this.cognito('AssociateSoftwareToken', { AccessToken });
    const app = new Authenticator(SecretCode);
    await this.cognito('VerifySoftwareToken', { AccessToken, UserCode: await app.late() });
    const SoftwareTokenMfaSettings = { Enabled: true, PreferredMfa: true };
    await this.cognito('SetUserMFAPreference', { AccessToken, SoftwareTokenMfaSettings });
    return app;
  }

  /** Lets Cognito remember the browser of a sign-in. */
  async rememberDevice(signIn) {
    const { AccessToken, NewDeviceMetadata } = signIn.tokens;
    const { DeviceKey, DeviceGroupKey } = NewDeviceMetadata;
    const { password, PasswordVerifier, Salt } = await deviceSecret(DeviceGroupKey, DeviceKey);
    const DeviceSecretVerifierConfig = { PasswordVerifier, Salt };
    await this.cognito('ConfirmDevice', { AccessToken, DeviceKey, DeviceSecretVerifierConfig });
    await this.cognito('UpdateDeviceStatus', { AccessToken, DeviceKey, DeviceRememberedStatus: 'remembered' });
    return { key: DeviceKey, group: DeviceGroupKey, password };
  }

  /** Returns new tokens for the refresh token of a sign-in at `native` or `custom`, unless it is refused. */
  async refresh(client, signIn) {
    const renewed = new SignIn(this, client);
    try {
      const { AuthenticationResult } = await this.cognito('GetTokensFromRefreshToken', {
        ClientId: this.clients[client].id,
        RefreshToken: signIn.tokens.RefreshToken,
        DeviceKey: signIn.tokens.NewDeviceMetadata?.DeviceKey,
      });
      renewed.tokens = AuthenticationResult;
    } catch (error) {
      if (error.name !== 'NotAuthorizedException') throw error;
      renewed.refusal = error;
    }
    return renewed;
  }

  /** Sets a new password with the code that ForgotPassword sends, read at `address`. */
  async resetPassword({ name }, address) {
    const ClientId = this.clients.native.id;
    const box = await this.mailbox(address);
    await this.cognito('ForgotPassword', { ClientId, Username: name });
    const ConfirmationCode = await box.nextCode();
    await this.cognito('ConfirmForgotPassword', { ClientId, Username: name, ConfirmationCode, Password: NEW_PASSWORD });
    return NEW_PASSWORD;
  }

  /** Tries every change of the MFA API with one token. Each must be a 401 or 403. */
  async everyChangeRefused(owner, signIn) {
    const { own } = await this.factorsOf(owner);
    const { publicKey } = await Device.make();
    const changes = [
      ['POST', '/mfa/recovery-codes'],
      ['POST', '/mfa/authenticators', { name: 'Mine' }],
      ...own.authenticators.map((id) => ['DELETE', `/mfa/authenticators/${id}`]),
      ...own.devices.map((id) => ['DELETE', `/mfa/trusted-devices/${id}`]),
      ['POST', '/mfa/trusted-devices', { name: 'Mine', publicKey }],
      ...own.passkeys.map((id) => ['DELETE', `/mfa/passkeys/${id}`]),
      ['POST', '/mfa/passkeys', { name: 'Mine' }],
      ['POST', '/mfa/passkeys/verify', { credential: {} }],
      ['POST', '/mfa/totp', { replace: true }],
      ['PUT', '/mfa/preference', { totp: 'DISABLED', sms: 'DISABLED', email: 'DISABLED' }],
      ['POST', '/mfa/email', { email: newAddress() }],
      ['POST', '/mfa/phone-number', { phoneNumber: '+12025559999' }],
      ['PUT', '/mfa/message-codes', { email: 'on' }],
    ];
    const letThrough = [];
    await this.unchanged(owner, async () => {
      for (const [method, path, body] of changes) {
        const { status } = await this.call(signIn, method, path, body);
        if (![401, 403].includes(status)) letThrough.push(`${method} ${path}: ${status}`);
      }
      assert.deepEqual(letThrough, [], 'changes that were let through');
    });
  }

  /** Returns the admin API's answers to an action, under each form that its route ever had. */
  async administer(signIn, action, user, body = {}) {
    const method = ['preference', 'phone-number'].includes(action) ? 'PUT' : 'POST';
    const changes = { reason: 'ticket 17', ...body };
    const inPath = `/admin/users/${encodeURIComponent(user)}`;
    const forms = {
      find: [['POST', '/admin/users/find', { user }], ['GET', inPath]],
      audit: [['POST', '/admin/users/audit', { user }], ['GET', `${inPath}/audit`]],
    }[action] ?? [
      [method, `/admin/users/${action}`, { user, ...changes }],
      [method, `${inPath}/${action}`, changes],
    ];
    const answers = [];
    for (const [way, path, sent] of forms) answers.push(await this.call(signIn, way, path, sent));
    return answers;
  }

  /** Checks that the API refuses every form of an action. */
  async administrationRefused(signIn, action, user, body) {
    const statuses = (await this.administer(signIn, action, user, body)).map(({ status }) => status);
    assert.ok(statuses.every((status) => [401, 403, 404, 405].includes(status)), `${action}: ${statuses}`);
  }

  /** An action that must succeed; what it answers. */
  async administrationDone(signIn, action, user, body) {
    const answers = await this.administer(signIn, action, user, body);
    const done = answers.find(({ status }) => status < 300);
    assert.ok(done, `${action}: ${JSON.stringify(answers)}`);
    return done.body;
  }
}

/** The attacker's sign-in came to nothing. */
export function noTokens(signIn) {
  assert.ok(signIn.tokens === undefined, 'the attacker has tokens');
}

/** The sign-in is worth one proof: tokens may be there, and say so. */
export function oneProof(signIn) {
  const { mfa_level: level, mfa_at: at } = signIn.claims;
  assert.deepEqual({ level, at }, { level: '1', at: undefined });
}

/** A code of an authenticator that was not used before; waits for the next step if it must. */
export async function unusedCode(app) {
  for (;;) {
    try {
      return app.next();
    } catch {
      await setTimeout(1_000);
    }
  }
}
