// The claims of tokens, as a resource server reads them. They are claims and scopes of the operator's policy,
// the proven factors, and what a refresh keeps of them. Amplify v6 signs in and refreshes, aws-jwt-verify
// verifies.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Amplify } from 'aws-amplify';
import { confirmSignIn, fetchAuthSession, signIn, signOut, updateUserAttribute } from 'aws-amplify/auth';
import { CognitoJwtVerifier } from 'aws-jwt-verify';

import { startCloud, temporaryFolder } from './harness/cloud.js';
import { templateWith } from './harness/policy.js';
import { PASSWORD as password, signUp } from './harness/user.js';

const folder = temporaryFolder();
const policy = `
  [custom_auth.clients.custom]
  first_step = "passwordless"
  [tokens]
  fresh_factor_changes = true
  [tokens.clients.native.id]
  add = { tier = "gold", limits = { seats = 3 } }
  suppress = ["email_verified"]
  [tokens.clients.native.access]
  attributes = { mail = "email" }
  add_scopes = ["orders/read"]
`;
const selfService = 'aws.cognito.signin.user.admin';
let cloud;

before(async () => {
  cloud = await startCloud(['--memory', '--template', templateWith(folder.path, policy)]);
  await setTriggerVersion('V2_0');
});

after(async () => {
  folder.remove();
  await cloud.stop();
});

/** Cognito sends and accepts the members of this version of the trigger. */
async function setTriggerVersion(LambdaVersion) {
  const { userPoolId: UserPoolId } = cloud.endpoints;
  const { UserPool } = await cloud.cognito('DescribeUserPool', { UserPoolId });
  const { LambdaConfig, AutoVerifiedAttributes, MfaConfiguration } = UserPool;
  const PreTokenGenerationConfig = { LambdaArn: LambdaConfig.PreTokenGeneration, LambdaVersion };
  await cloud.cognito('UpdateUserPool', {
    UserPoolId,
    AutoVerifiedAttributes,
    MfaConfiguration,
    LambdaConfig: { ...LambdaConfig, PreTokenGenerationConfig },
  });
}

function useClient({ id }) {
  const { userPoolId, cognito } = cloud.endpoints;
  Amplify.configure({ Auth: { Cognito: { userPoolId, userPoolClientId: id, userPoolEndpoint: cognito } } });
}

/** Returns the verified tokens that Amplify has now. */
async function judged({ id: clientId }, forceRefresh = false) {
  const { tokens } = await fetchAuthSession({ forceRefresh });
  const { userPoolId } = cloud.endpoints;
  const verifier = CognitoJwtVerifier.create({ userPoolId, clientId, tokenUse: null });
  verifier.cacheJwks(await cloud.jwks());
  return {
    access: await verifier.verify(tokens.accessToken.toString(), { tokenUse: 'access' }),
    id: await verifier.verify(tokens.idToken.toString(), { tokenUse: 'id' }),
  };
}

async function addToGroup(Username, GroupName) {
  const { userPoolId: UserPoolId } = cloud.endpoints;
  await cloud.cognito('CreateGroup', { UserPoolId, GroupName }).catch(() => {});
  await cloud.cognito('AdminAddUserToGroup', { UserPoolId, Username, GroupName });
}

test('a native client has the claims and scopes of the policy, its groups, and no word of factors', async () => {
  const { native } = cloud.endpoints.clients;
  useClient(native);
  const username = await signUp(cloud);
  await addToGroup(username, 'admins');
  await signIn({ username, password });
  for (const isRefreshed of [false, true]) {
    const { id, access } = await judged(native, isRefreshed);
    assert.deepEqual([id.tier, id.limits, id.email], ['gold', { seats: 3 }, username]);
    assert.equal(id.email_verified, undefined, 'suppressed');
    assert.deepEqual([access.mail, access.tier], [username, undefined]);
    assert.deepEqual([id['cognito:groups'], access['cognito:groups']], [['admins'], ['admins']]);
    assert.deepEqual([id.mfa_methods, access.mfa_methods], [undefined, undefined]);
    const scopes = access.scope.split(' ').sort();
    assert.deepEqual(scopes, isRefreshed ? ['orders/read'] : [selfService, 'orders/read']);
  }
  await signOut();
});

test('a refreshed token changes nothing at Cognito, nor here', async () => {
  const { native } = cloud.endpoints.clients;
  useClient(native);
  const username = await signUp(cloud);
  await signIn({ username, password });
  const fresh = (await fetchAuthSession()).tokens.accessToken.toString();
  assert.equal((await cloud.api('/mfa', { token: fresh })).status, 200);
  await cloud.cognito('AssociateSoftwareToken', { AccessToken: fresh });

  const refreshed = (await fetchAuthSession({ forceRefresh: true })).tokens.accessToken.toString();
  assert.equal((await cloud.api('/mfa', { token: refreshed })).status, 403);
  for (const [operation, parameters] of [
    ['AssociateSoftwareToken', {}],
    ['SetUserMFAPreference', { SoftwareTokenMfaSettings: { Enabled: false } }],
    // These operations need the suppressed scope too.
    ['GetUser', {}],
    ['UpdateUserAttributes', { UserAttributes: [{ Name: 'given_name', Value: 'Alex' }] }],
    ['GlobalSignOut', {}],
  ]) {
    await assert.rejects(cloud.cognito(operation, { AccessToken: refreshed, ...parameters }), {
      name: 'NotAuthorizedException',
    });
  }
  await assert.rejects(updateUserAttribute({ userAttribute: { attributeKey: 'given_name', value: 'Alex' } }));
  await signOut({ global: false });
});

test('a custom client says what was proven, and a refreshed token says nothing of it', async () => {
  const { custom } = cloud.endpoints.clients;
  useClient(custom);
  const username = await signUp(cloud);
  await addToGroup(username, 'admins');
  const { nextStep } = await signIn({ username, options: { authFlowType: 'CUSTOM_WITHOUT_SRP' } });
  const options = { clientMetadata: { nonce: nextStep.additionalInfo.nonce } };
  await confirmSignIn({ challengeResponse: 'email', options });
  await confirmSignIn({ challengeResponse: await cloud.code(username), options });
  for (const isRefreshed of [false, true]) {
    const { id, access } = await judged(custom, isRefreshed);
    const { mfa_methods: methods, mfa_level: level, mfa_at: at } = access;
    // One mailbox is one proof.
    const expected = isRefreshed ? [undefined, undefined, undefined] : [['email'], '1', undefined];
    assert.deepEqual([methods, level, at], expected, `refreshed: ${isRefreshed}`);
    assert.deepEqual(id.mfa_methods, methods);
    assert.deepEqual([id['cognito:groups'], access['cognito:groups']], [['admins'], ['admins']]);
    assert.deepEqual([id.tier, access.mail], [undefined, undefined], 'the other client has those');
  }
  await signOut();
});

test('with version 1 of the trigger nothing is refreshed that would keep the scope', async () => {
  const { native } = cloud.endpoints.clients;
  useClient(native);
  const username = await signUp(cloud);
  await setTriggerVersion('V1_0');
  try {
    await signIn({ username, password });
    const { id } = await judged(native);
    assert.deepEqual([id.tier, id.limits], ['gold', '{"seats":3}']);
    await assert.rejects(fetchAuthSession({ forceRefresh: true }), { name: 'UserLambdaValidationException' });
  } finally {
    await setTriggerVersion('V2_0');
    await signOut();
  }
});
