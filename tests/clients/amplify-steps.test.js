// Reaches every next step of an unmodified Amplify v6 that the pool's flows permit
// (docs/reference/cognito.md, 7.1), each at least once. The test answers the triggers, so that custom
// challenges are included.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { Amplify } from 'aws-amplify';
import {
  confirmResetPassword,
  confirmSignIn,
  fetchAuthSession,
  fetchDevices,
  fetchMFAPreference,
  forgetDevice,
  getCurrentUser,
  rememberDevice,
  resetPassword,
  signIn,
  signOut,
  updateMFAPreference,
} from 'aws-amplify/auth';

import { Authenticator } from './harness/authenticator.js';
import { startCloud, temporaryFolder } from './harness/cloud.js';
import { PASSWORD as password, newAddress, signUp } from './harness/user.js';

// Amplify names a device by its browser. Node.js before version 21 has no `navigator`.
globalThis.navigator ??= { userAgent: 'Node.js' };

const folder = temporaryFolder();
let cloud;
let lambda;

before(async () => {
  lambda = await startLambda();
  cloud = await startCloud(['--memory', '--template', template(), '--lambda-endpoint', lambda.url]);
});

afterEach(() => signOut().catch(() => {}));

after(async () => {
  const end = await cloud.stop();
  lambda.close();
  folder.remove();
  assert.deepEqual({ code: end.code, survivors: end.survivors }, { code: 0, survivors: [] });
});

test('CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE, without and with a password first', async () => {
  const username = await signUp(cloud);
  for (const authFlowType of ['CUSTOM_WITHOUT_SRP', 'CUSTOM_WITH_SRP']) {
    configure(await pool({ ExplicitAuthFlows: ['ALLOW_CUSTOM_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'] }, cloud.endpoints.userPoolId));
    const withPassword = authFlowType === 'CUSTOM_WITH_SRP' ? { password } : {};
    let { nextStep } = await signIn({ username, ...withPassword, options: { authFlowType } });
    assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE');
    assert.equal(nextStep.additionalInfo.hint, 'blue');
    ({ nextStep } = await confirmSignIn({ challengeResponse: 'sea' }));
    assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE', 'a wrong answer is no error');
    ({ nextStep } = await confirmSignIn({ challengeResponse: 'sky' }));
    assert.equal(nextStep.signInStep, 'DONE');
    assert.ok((await fetchAuthSession()).tokens.accessToken);
    await signOut();
  }
});

test('CONFIRM_SIGN_IN_WITH_EMAIL_CODE, then CONFIRM_SIGN_IN_WITH_SMS_CODE', async () => {
  configure(await pool({ factors: ['sms', 'email'] }));
  const { username, email, phone } = await newUser();
  await signIn({ username, password });
  await updateMFAPreference({ email: 'PREFERRED' });
  assert.deepEqual(await fetchMFAPreference(), { preferred: 'EMAIL', enabled: ['EMAIL'] });
  await signOut();

  let { nextStep } = await signIn({ username, password });
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
  assert.deepEqual(nextStep.codeDeliveryDetails.deliveryMedium, 'EMAIL');
  await assert.rejects(confirmSignIn({ challengeResponse: '000000' }), { name: 'CodeMismatchException' });
  ({ nextStep } = await confirmSignIn({ challengeResponse: await cloud.code(email) }));
  assert.equal(nextStep.signInStep, 'DONE', 'a wrong code leaves the session usable');

  await updateMFAPreference({ sms: 'PREFERRED', email: 'DISABLED' });
  await signOut();
  ({ nextStep } = await signIn({ username, password }));
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_SMS_CODE');
  assert.match(nextStep.codeDeliveryDetails.destination, /^\+\*+\d{4}$/);
  ({ nextStep } = await confirmSignIn({ challengeResponse: await cloud.code(phone) }));
  assert.equal(nextStep.signInStep, 'DONE');
});

test('CONTINUE_SIGN_IN_WITH_MFA_SELECTION', async () => {
  configure(await pool({ factors: ['sms', 'email'] }));
  const { username, email } = await newUser();
  await signIn({ username, password });
  await updateMFAPreference({ sms: 'NOT_PREFERRED', email: 'NOT_PREFERRED' });
  await signOut();
  let { nextStep } = await signIn({ username, password });
  assert.equal(nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_MFA_SELECTION');
  assert.deepEqual([...nextStep.allowedMFATypes].sort(), ['EMAIL', 'SMS']);
  ({ nextStep } = await confirmSignIn({ challengeResponse: 'EMAIL' }));
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
  ({ nextStep } = await confirmSignIn({ challengeResponse: await cloud.code(email) }));
  assert.equal(nextStep.signInStep, 'DONE');
});

test('CONTINUE_SIGN_IN_WITH_MFA_SETUP_SELECTION, by authenticator and by e-mail', async () => {
  configure(await pool({ mfa: 'ON', factors: ['totp', 'email'] }));
  const byTotp = await newUser({ addresses: false });
  let { nextStep } = await signIn({ username: byTotp.username, password });
  assert.equal(nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_MFA_SETUP_SELECTION');
  assert.deepEqual([...nextStep.allowedMFATypes].sort(), ['EMAIL', 'TOTP']);
  ({ nextStep } = await confirmSignIn({ challengeResponse: 'TOTP' }));
  assert.equal(nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_TOTP_SETUP');
  const authenticator = new Authenticator(nextStep.totpSetupDetails.sharedSecret);
  ({ nextStep } = await confirmSignIn({ challengeResponse: authenticator.next() }));
  assert.equal(nextStep.signInStep, 'DONE');
  await signOut();
  ({ nextStep } = await signIn({ username: byTotp.username, password }));
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
  await confirmSignIn({ challengeResponse: authenticator.next() });
  await signOut();

  const byEmail = await newUser({ addresses: false });
  await signIn({ username: byEmail.username, password });
  ({ nextStep } = await confirmSignIn({ challengeResponse: 'EMAIL' }));
  assert.equal(nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_EMAIL_SETUP');
  const address = newAddress();
  ({ nextStep } = await confirmSignIn({ challengeResponse: address }));
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
  ({ nextStep } = await confirmSignIn({ challengeResponse: await cloud.code(address) }));
  assert.equal(nextStep.signInStep, 'DONE');
});

test('CONTINUE_SIGN_IN_WITH_EMAIL_SETUP at once, where e-mail is the only factor', async () => {
  configure(await pool({ mfa: 'ON', factors: ['email'] }));
  const { username } = await newUser({ addresses: false });
  const { nextStep } = await signIn({ username, password });
  assert.equal(nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_EMAIL_SETUP');
});

test('CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED', async () => {
  const { poolId } = configure(await pool({}));
  const username = `invited-${Date.now()}`;
  await cloud.cognito('AdminCreateUser', {
    UserPoolId: poolId,
    Username: username,
    TemporaryPassword: 'Temporary-9',
    MessageAction: 'SUPPRESS',
  });
  let { nextStep } = await signIn({ username, password: 'Temporary-9' });
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED');
  ({ nextStep } = await confirmSignIn({ challengeResponse: password }));
  assert.equal(nextStep.signInStep, 'DONE');
});

test('RESET_PASSWORD, and a forgotten password', async () => {
  const { poolId } = configure(await pool({}));
  const { username, email } = await newUser();
  await cloud.cognito('AdminResetUserPassword', { UserPoolId: poolId, Username: username });
  const { nextStep } = await signIn({ username, password });
  assert.equal(nextStep.signInStep, 'RESET_PASSWORD');
  const first = await cloud.code(email);
  await confirmResetPassword({ username, confirmationCode: first, newPassword: 'Another-Horse-9' });
  assert.equal((await signIn({ username, password: 'Another-Horse-9' })).nextStep.signInStep, 'DONE');
  await signOut();

  const forgotten = await resetPassword({ username });
  assert.equal(forgotten.nextStep.resetPasswordStep, 'CONFIRM_RESET_PASSWORD_WITH_CODE');
  await confirmResetPassword({ username, confirmationCode: await cloud.code(email), newPassword: password });
  assert.equal((await signIn({ username, password })).nextStep.signInStep, 'DONE');
});

test('a remembered device stands for the second factor until it is forgotten', async () => {
  configure(await pool({ factors: ['totp'], devices: true }));
  const { username } = await newUser();
  await signIn({ username, password });
  const authenticator = await setUpTotp();
  await rememberDevice();
  const [device] = await fetchDevices();
  assert.ok(device.id);
  const { tokens } = await fetchAuthSession();
  assert.equal(tokens.accessToken.payload.device_key, device.id);
  await signOut();

  const remembered = await signIn({ username, password });
  assert.equal(remembered.nextStep.signInStep, 'DONE', 'DEVICE_SRP_AUTH in the place of the code');
  await forgetDevice();
  assert.deepEqual(await fetchDevices(), []);
  await signOut();

  const forgotten = await signIn({ username, password });
  assert.equal(forgotten.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
  assert.equal((await confirmSignIn({ challengeResponse: authenticator.next() })).nextStep.signInStep, 'DONE');
});

test('a refresh gives new tokens of the same sign-in', async () => {
  configure(await pool({ devices: true }));
  const { username } = await newUser();
  await signIn({ username, password });
  const before = (await fetchAuthSession()).tokens.accessToken;
  const after = (await fetchAuthSession({ forceRefresh: true })).tokens.accessToken;
  assert.notEqual(after.toString(), before.toString());
  assert.equal(after.payload.auth_time, before.payload.auth_time);
  assert.equal((await getCurrentUser()).username, username);
});

async function setUpTotp() {
  const AccessToken = (await fetchAuthSession()).tokens.accessToken.toString();
  const { SecretCode } = await cloud.cognito('AssociateSoftwareToken', { AccessToken });
  const authenticator = new Authenticator(SecretCode);
  await cloud.cognito('VerifySoftwareToken', { AccessToken, UserCode: authenticator.next() });
  await updateMFAPreference({ totp: 'PREFERRED' });
  return authenticator;
}

let current;

function configure(target) {
  current = target;
  Amplify.configure({
    Auth: {
      Cognito: {
        userPoolId: target.poolId,
        userPoolClientId: target.clientId,
        userPoolEndpoint: cloud.endpoints.cognito,
      },
    },
  });
  return target;
}

/** Creates a separate client for a test, in a new pool unless one is named. */
async function pool({ mfa = 'OPTIONAL', factors = [], devices = false, ExplicitAuthFlows }, existing) {
  const poolId = existing ?? (await newPool(mfa, factors, devices));
  const { UserPoolClient } = await cloud.cognito('CreateUserPoolClient', {
    UserPoolId: poolId,
    ClientName: 'steps',
    ExplicitAuthFlows: ExplicitAuthFlows ?? ['ALLOW_USER_SRP_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
  });
  return { poolId, clientId: UserPoolClient.ClientId };
}

async function newPool(mfa, factors, devices) {
  const sms = { SnsCallerArn: 'arn:aws:iam::111122223333:role/sms', ExternalId: 'x', SnsRegion: 'us-east-1' };
  const { UserPool } = await cloud.cognito('CreateUserPool', {
    PoolName: 'steps',
    AutoVerifiedAttributes: ['email'],
    // A factor cannot also reset the password (docs/reference/cognito.md, 3.6).
    AccountRecoverySetting: {
      RecoveryMechanisms: factors.includes('email')
        ? [{ Name: 'admin_only', Priority: 1 }]
        : [{ Name: 'verified_email', Priority: 1 }],
    },
    EmailConfiguration: {
      EmailSendingAccount: 'DEVELOPER',
      SourceArn: 'arn:aws:ses:us-east-1:111122223333:identity/no-reply@example.com',
    },
    ...(factors.includes('sms') ? { SmsConfiguration: sms } : {}),
    ...(devices
      ? { DeviceConfiguration: { ChallengeRequiredOnNewDevice: true, DeviceOnlyRememberedOnUserPrompt: true } }
      : {}),
  });
  if (factors.length > 0) {
    await cloud.cognito('SetUserPoolMfaConfig', {
      UserPoolId: UserPool.Id,
      MfaConfiguration: mfa,
      ...(factors.includes('sms')
        ? { SmsMfaConfiguration: { SmsAuthenticationMessage: 'Code {####}', SmsConfiguration: sms } }
        : {}),
      ...(factors.includes('totp') ? { SoftwareTokenMfaConfiguration: { Enabled: true } } : {}),
      ...(factors.includes('email') ? { EmailMfaConfiguration: { Subject: 'Code', Message: 'Code {####}' } } : {}),
    });
  }
  return UserPool.Id;
}

let users = 0;

async function newUser({ addresses = true } = {}) {
  users += 1;
  const username = `user-${users}-${Date.now()}`;
  const email = newAddress();
  const phone = `+1202555${String(1000 + users)}`;
  const attributes = { email, email_verified: 'true', phone_number: phone, phone_number_verified: 'true' };
  await cloud.cognito('AdminCreateUser', {
    UserPoolId: current.poolId,
    Username: username,
    MessageAction: 'SUPPRESS',
    UserAttributes: addresses ? Object.entries(attributes).map(([Name, Value]) => ({ Name, Value })) : [],
  });
  await cloud.cognito('AdminSetUserPassword', {
    UserPoolId: current.poolId,
    Username: username,
    Password: password,
    Permanent: true,
  });
  return { username, email, phone };
}

/** A template with the custom-auth triggers, whose functions are this process. */
function template() {
  const functions = {
    DefineAuthChallenge: 'define-auth-challenge',
    CreateAuthChallenge: 'create-auth-challenge',
    VerifyAuthChallengeResponse: 'verify-auth-challenge-response',
  };
  const Resources = Object.fromEntries(
    Object.entries(functions).map(([id, name]) => [
      id,
      {
        Type: 'AWS::Serverless::Function',
        Metadata: { BuildMethod: 'rust-cargolambda', BuildProperties: { Binary: name } },
        Properties: { Timeout: 5 },
      },
    ]),
  );
  const LambdaConfig = Object.fromEntries(Object.keys(functions).map((id) => [id, { 'Fn::GetAtt': [id, 'Arn'] }]));
  Resources.Pool = { Type: 'AWS::Cognito::UserPool', Properties: { LambdaConfig } };
  const path = join(folder.path, 'template.json');
  writeFileSync(path, JSON.stringify({ Transform: 'AWS::Serverless-2016-10-31', Resources }));
  return path;
}

/** Asks for the password first if the client began with SRP, then one question: what is blue? */
function answer({ triggerSource, request }) {
  switch (triggerSource) {
    case 'DefineAuthChallenge_Authentication': {
      const last = request.session.at(-1);
      if (last?.challengeName === 'SRP_A') return { challengeName: 'PASSWORD_VERIFIER' };
      const right = last?.challengeName === 'CUSTOM_CHALLENGE' && last.challengeResult;
      return right ? { issueTokens: true } : { challengeName: 'CUSTOM_CHALLENGE', issueTokens: false };
    }
    case 'CreateAuthChallenge_Authentication':
      return { publicChallengeParameters: { hint: 'blue' }, privateChallengeParameters: { answer: 'sky' } };
    case 'VerifyAuthChallengeResponse_Authentication':
      return { answerCorrect: request.challengeAnswer === request.privateChallengeParameters.answer };
    default:
      throw new Error(`no answer to ${triggerSource}`);
  }
}

async function startLambda() {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const event = JSON.parse(body);
    response.end(JSON.stringify({ ...event, response: { ...event.response, ...answer(event) } }));
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
