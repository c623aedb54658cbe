// The words with which each generation of clients asks for a factor (docs/reference/cognito.md, 7.2, 7.3 and
// 7.5).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Auth } from 'amplify-auth-v5';
import { AuthenticationDetails, CognitoUser, CognitoUserPool } from 'amazon-cognito-identity-js';

import { Authenticator } from './harness/authenticator.js';
import { startCloud, workspace } from './harness/cloud.js';
import { PASSWORD, newAddress, signIn } from './harness/user.js';

let cloud;

before(async () => {
  cloud = await startCloud();
  const { region, userPoolId, clients, cognito } = cloud.endpoints;
  Auth.configure({ region, userPoolId, userPoolWebClientId: clients.native.id, endpoint: cognito });
});

after(async () => {
  const end = await cloud.stop();
  assert.deepEqual({ code: end.code, survivors: end.survivors }, { code: 0, survivors: [] });
});

let users = 0;

/** A confirmed user with a verified address and number. */
async function newUser() {
  users += 1;
  const username = newAddress();
  const phone = `+1202555${String(2000 + users)}`;
  const attributes = { email: username, email_verified: 'true', phone_number: phone, phone_number_verified: 'true' };
  const { userPoolId: UserPoolId } = cloud.endpoints;
  await cloud.cognito('AdminCreateUser', {
    UserPoolId,
    Username: username,
    MessageAction: 'SUPPRESS',
    UserAttributes: Object.entries(attributes).map(([Name, Value]) => ({ Name, Value })),
  });
  await cloud.cognito('AdminSetUserPassword', { UserPoolId, Username: username, Password: PASSWORD, Permanent: true });
  return { username, phone };
}

async function verifiedTotp(AccessToken) {
  const { SecretCode } = await cloud.cognito('AssociateSoftwareToken', { AccessToken });
  const authenticator = new Authenticator(SecretCode);
  await cloud.cognito('VerifySoftwareToken', { AccessToken, UserCode: authenticator.next() });
  return authenticator;
}

test("Amplify v5: TOTP, SMS and NOMFA, and the factor chosen at sign-in", async () => {
  const { username, phone } = await newUser();
  let user = await Auth.signIn(username, PASSWORD);
  const authenticator = new Authenticator(await Auth.setupTOTP(user));
  await Auth.verifyTotpToken(user, authenticator.next());

  const preferred = () => Auth.getPreferredMFA(user, { bypassCache: true });
  await Auth.setPreferredMFA(user, 'SMS');
  assert.equal(await preferred(), 'SMS_MFA');
  await Auth.setPreferredMFA(user, 'TOTP');
  assert.equal(await preferred(), 'SOFTWARE_TOKEN_MFA');
  await Auth.setPreferredMFA(user, 'NOMFA');
  assert.equal(await preferred(), 'NOMFA');

  const AccessToken = user.getSignInUserSession().getAccessToken().getJwtToken();
  const both = { Enabled: true, PreferredMfa: false };
  await cloud.cognito('SetUserMFAPreference', { AccessToken, SMSMfaSettings: both, SoftwareTokenMfaSettings: both });
  user = await Auth.signIn(username, PASSWORD);
  assert.equal(user.challengeName, 'SELECT_MFA_TYPE');
  const chosen = await answerSelection(user, 'SMS_MFA');
  assert.equal(chosen, 'SMS_MFA');
  await Auth.confirmSignIn(user, await cloud.code(phone), 'SMS_MFA');
  assert.equal(user.getSignInUserSession().isValid(), true);
});

test('identity-js: SMS by its deprecated calls, and its own words at the selection', async () => {
  const { username } = await newUser();
  const { userPoolId, clients, cognito } = cloud.endpoints;
  const Pool = new CognitoUserPool({ UserPoolId: userPoolId, ClientId: clients.native.id, endpoint: cognito });
  const login = async () => {
    const user = new CognitoUser({ Username: username, Pool });
    const details = new AuthenticationDetails({ Username: username, Password: PASSWORD });
    const step = await new Promise((resolve, reject) =>
      user.authenticateUser(details, {
        onSuccess: () => resolve('tokens'),
        onFailure: reject,
        mfaRequired: (name) => resolve(name),
        totpRequired: (name) => resolve(name),
        selectMFAType: (name) => resolve(name),
      }),
    );
    return { user, step };
  };
  const call = (user, method, ...given) =>
    new Promise((resolve, reject) =>
      user[method](...given, (error, result) => (error ? reject(error) : resolve(result))),
    );

  const { user } = await login();
  assert.equal(await call(user, 'enableMFA'), 'SUCCESS');
  assert.deepEqual(await call(user, 'getMFAOptions'), [
    { DeliveryMedium: 'SMS', AttributeName: 'phone_number' },
  ]);
  assert.equal((await login()).step, 'SMS_MFA');
  assert.equal(await call(user, 'disableMFA'), 'SUCCESS');
  assert.equal((await login()).step, 'tokens');

  const AccessToken = user.getSignInUserSession().getAccessToken().getJwtToken();
  const authenticator = await verifiedTotp(AccessToken);
  const both = { Enabled: true, PreferredMfa: false };
  assert.equal(await call(user, 'setUserMfaPreference', both, both), 'SUCCESS');
  const selecting = await login();
  assert.equal(selecting.step, 'SELECT_MFA_TYPE');
  await assert.rejects(answerSelection(selecting.user, 'SOFTWARE_TOKEN'), { name: 'InvalidParameterException' });

  const again = await login();
  assert.equal(await answerSelection(again.user, 'SOFTWARE_TOKEN_MFA'), 'SOFTWARE_TOKEN_MFA');
  const tokens = await new Promise((onSuccess, onFailure) =>
    again.user.sendMFACode(authenticator.next(), { onSuccess, onFailure }, 'SOFTWARE_TOKEN_MFA'),
  );
  assert.equal(tokens.isValid(), true);
});

/** Chooses a factor. Returns the name that the library calls back with. */
function answerSelection(user, answer) {
  return new Promise((resolve, reject) =>
    user.sendMFASelectionAnswer(answer, {
      onFailure: reject,
      mfaRequired: (name) => resolve(name),
      totpRequired: (name) => resolve(name),
    }),
  );
}

// amplify-android and -swift accept no http endpoint. These are the requests that their updateMFAPreference
// makes, in their order: GetUser first, then blocks with both booleans. A block without a value of the app is
// null or absent, depending on the version of the serialiser.
for (const [how, absent] of [['null', { SMSMfaSettings: null, EmailMfaSettings: null }], ['absent', {}]]) {
  test(`amplify-android and -swift: a block that is ${how} changes nothing, and ENABLED keeps the mark`, async () => {
    const { username } = await newUser();
    const { AccessToken } = await signIn(cloud, username);
    await verifiedTotp(AccessToken);
    const state = async () => {
      const { PreferredMfaSetting, UserMFASettingList } = await cloud.cognito('GetUser', { AccessToken });
      return { preferred: PreferredMfaSetting, enabled: [...(UserMFASettingList ?? [])].sort() };
    };
    const set = (blocks) => cloud.cognito('SetUserMFAPreference', { AccessToken, ...absent, ...blocks });

    // sms: ENABLED, totp: PREFERRED
    await state();
    await set({
      SMSMfaSettings: { Enabled: true, PreferredMfa: false },
      SoftwareTokenMfaSettings: { Enabled: true, PreferredMfa: true },
    });
    const both = { preferred: 'SOFTWARE_TOKEN_MFA', enabled: ['SMS_MFA', 'SOFTWARE_TOKEN_MFA'] };
    assert.deepEqual(await state(), both);

    // totp: ENABLED. A factor that GetUser reported as preferred is sent as preferred.
    const { preferred } = await state();
    await set({ SoftwareTokenMfaSettings: { Enabled: true, PreferredMfa: preferred === 'SOFTWARE_TOKEN_MFA' } });
    assert.deepEqual(await state(), both, 'the block of SMS was null or absent');

    // totp: NOT_PREFERRED, then sms: PREFERRED
    await set({ SoftwareTokenMfaSettings: { Enabled: true, PreferredMfa: false } });
    assert.deepEqual(await state(), { ...both, preferred: undefined });
    await set({ SMSMfaSettings: { Enabled: true, PreferredMfa: true } });
    assert.deepEqual(await state(), { ...both, preferred: 'SMS_MFA' });

    // totp: ENABLED, where another factor is preferred: that one stays preferred.
    await set({ SoftwareTokenMfaSettings: { Enabled: true, PreferredMfa: (await state()).preferred === 'SOFTWARE_TOKEN_MFA' } });
    assert.deepEqual(await state(), { ...both, preferred: 'SMS_MFA' });

    // sms: DISABLED
    await set({ SMSMfaSettings: { Enabled: false, PreferredMfa: false } });
    assert.deepEqual(await state(), { preferred: undefined, enabled: ['SOFTWARE_TOKEN_MFA'] });

    // email: PREFERRED, then DISABLED
    await set({ EmailMfaSettings: { Enabled: true, PreferredMfa: true } });
    assert.deepEqual(await state(), { preferred: 'EMAIL_OTP', enabled: ['EMAIL_OTP', 'SOFTWARE_TOKEN_MFA'] });
    await set({ EmailMfaSettings: { Enabled: false, PreferredMfa: false } });
    const last = { preferred: undefined, enabled: ['SOFTWARE_TOKEN_MFA'] };
    assert.deepEqual(await state(), last);

    // No blocks: Android itself refuses that. A request without a block changes nothing.
    await set({});
    assert.deepEqual(await state(), last);
  });
}

// [swift, android, Cognito's name]. amplify-steps.test.js reaches CUSTOM_CHALLENGE, because it has the
// triggers.
const STEPS = [
  ['confirmSignInWithSMSMFACode', 'CONFIRM_SIGN_IN_WITH_SMS_MFA_CODE', 'SMS_MFA'],
  ['confirmSignInWithOTP', 'CONFIRM_SIGN_IN_WITH_OTP', 'EMAIL_OTP'],
  ['confirmSignInWithTOTPCode', 'CONFIRM_SIGN_IN_WITH_TOTP_CODE', 'SOFTWARE_TOKEN_MFA'],
  ['confirmSignInWithCustomChallenge', 'CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE', 'CUSTOM_CHALLENGE'],
  ['confirmSignInWithNewPassword', 'CONFIRM_SIGN_IN_WITH_NEW_PASSWORD', 'NEW_PASSWORD_REQUIRED'],
  ['confirmSignInWithPassword', 'CONFIRM_SIGN_IN_WITH_PASSWORD', 'PASSWORD'],
  ['continueSignInWithMFASelection', 'CONTINUE_SIGN_IN_WITH_MFA_SELECTION', 'SELECT_MFA_TYPE'],
  ['continueSignInWithMFASetupSelection', 'CONTINUE_SIGN_IN_WITH_MFA_SETUP_SELECTION', 'MFA_SETUP SOFTWARE_TOKEN_MFA,EMAIL_OTP'],
  ['continueSignInWithTOTPSetup', 'CONTINUE_SIGN_IN_WITH_TOTP_SETUP', 'MFA_SETUP SOFTWARE_TOKEN_MFA'],
  ['continueSignInWithEmailMFASetup', 'CONTINUE_SIGN_IN_WITH_EMAIL_MFA_SETUP', 'MFA_SETUP EMAIL_OTP'],
  ['continueSignInWithFirstFactorSelection', 'CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION', 'SELECT_CHALLENGE'],
  ['resetPassword', 'RESET_PASSWORD', 'PasswordResetRequiredException'],
  ['confirmSignUp', 'CONFIRM_SIGN_UP', 'UserNotConfirmedException'],
  ['done', 'DONE', 'tokens'],
];

test('amplify-android and -swift: every step they have is one that the pool leads to', async () => {
  const [, section] = readFileSync(join(workspace, 'docs/reference/cognito.md'), 'utf8').split('### 7.5 ');
  const [swift, android] = section.split('\n- ').slice(1, 3);
  const named = (text, pattern) => text.replace(/ \(.*?\)/g, '').match(pattern);
  assert.deepEqual(named(swift.split(': ')[1], /\w+/g), STEPS.map(([name]) => name));
  // "…_TOTP_SETUP" follows on CONTINUE_SIGN_IN_WITH.
  const whole = named(android.split(': ')[1], /[…\w]+/g).map((name) => name.replace('…', 'CONTINUE_SIGN_IN_WITH'));
  assert.deepEqual(whole, STEPS.map(([, name]) => name));

  const reached = new Set([...(await stepsOfFactors()), ...(await stepsOfSetUp()), ...(await stepsBeforeFactors())]);
  const expected = new Set(STEPS.map(([, , said]) => said).filter((said) => said !== 'CUSTOM_CHALLENGE'));
  assert.deepEqual([...reached].sort(), [...expected].sort());
});

/** Returns Cognito's answer to a sign-in: a challenge, tokens or an exception. */
async function said(ClientId, USERNAME, password = PASSWORD) {
  try {
    const AuthParameters = { USERNAME, PASSWORD: password };
    const input = { AuthFlow: 'USER_PASSWORD_AUTH', ClientId, AuthParameters };
    const answer = await cloud.cognito('InitiateAuth', input);
    const { MFAS_CAN_SETUP } = answer.ChallengeParameters;
    const factors = MFAS_CAN_SETUP === undefined ? '' : ` ${JSON.parse(MFAS_CAN_SETUP)}`;
    return answer.AuthenticationResult ? 'tokens' : `${answer.ChallengeName}${factors}`;
  } catch (error) {
    return error.name;
  }
}

async function stepsOfFactors() {
  const { username } = await newUser();
  const client = cloud.endpoints.clients.native.id;
  const { AccessToken } = await signIn(cloud, username);
  await verifiedTotp(AccessToken);
  const reached = [await said(client, username)];
  const preferred = { Enabled: true, PreferredMfa: true };
  for (const block of ['SMSMfaSettings', 'EmailMfaSettings', 'SoftwareTokenMfaSettings']) {
    await cloud.cognito('SetUserMFAPreference', { AccessToken, [block]: preferred });
    reached.push(await said(client, username));
  }
  const SoftwareTokenMfaSettings = { Enabled: true, PreferredMfa: false };
  await cloud.cognito('SetUserMFAPreference', { AccessToken, SoftwareTokenMfaSettings });
  return [...reached, await said(client, username)];
}

async function stepsOfSetUp() {
  const reached = [];
  const totp = { SoftwareTokenMfaConfiguration: { Enabled: true } };
  const email = { EmailMfaConfiguration: {} };
  for (const factors of [{ ...totp, ...email }, totp, email]) {
    const { UserPool } = await cloud.cognito('CreateUserPool', {
      PoolName: 'set-up',
      EmailConfiguration: { EmailSendingAccount: 'DEVELOPER' },
    });
    const UserPoolId = UserPool.Id;
    await cloud.cognito('SetUserPoolMfaConfig', { UserPoolId, MfaConfiguration: 'ON', ...factors });
    const ExplicitAuthFlows = ['ALLOW_USER_PASSWORD_AUTH'];
    const client = await cloud.cognito('CreateUserPoolClient', { UserPoolId, ClientName: 'app', ExplicitAuthFlows });
    await cloud.cognito('AdminCreateUser', { UserPoolId, Username: 'alex', MessageAction: 'SUPPRESS' });
    await cloud.cognito('AdminSetUserPassword', { UserPoolId, Username: 'alex', Password: PASSWORD, Permanent: true });
    reached.push(await said(client.UserPoolClient.ClientId, 'alex'));
  }
  return reached;
}

async function stepsBeforeFactors() {
  const { userPoolId: UserPoolId, clients } = cloud.endpoints;
  const client = clients.native.id;
  const fresh = newAddress();
  const UserAttributes = [{ Name: 'email', Value: fresh }];
  await cloud.cognito('SignUp', { ClientId: client, Username: fresh, Password: PASSWORD, UserAttributes });
  const invited = { UserPoolId, Username: newAddress() };
  const TemporaryPassword = 'Temporary-9';
  await cloud.cognito('AdminCreateUser', { ...invited, TemporaryPassword, MessageAction: 'SUPPRESS' });
  const { username: forgotten } = await newUser();
  await cloud.cognito('AdminResetUserPassword', { UserPoolId, Username: forgotten });
  return [
    await said(client, fresh),
    await said(client, invited.Username, TemporaryPassword),
    await said(client, forgotten),
    ...(await stepsOfChoice(UserPoolId, fresh)),
  ];
}

async function stepsOfChoice(UserPoolId, USERNAME) {
  const ExplicitAuthFlows = ['ALLOW_USER_AUTH'];
  const made = await cloud.cognito('CreateUserPoolClient', { UserPoolId, ClientName: 'choice', ExplicitAuthFlows });
  const { ClientId } = made.UserPoolClient;
  const offered = await cloud.cognito('InitiateAuth', {
    AuthFlow: 'USER_AUTH',
    ClientId,
    AuthParameters: { USERNAME },
  });
  const asked = await cloud.cognito('RespondToAuthChallenge', {
    ClientId,
    ChallengeName: offered.ChallengeName,
    Session: offered.Session,
    ChallengeResponses: { USERNAME, ANSWER: 'PASSWORD' },
  });
  return [offered.ChallengeName, asked.ChallengeName];
}
