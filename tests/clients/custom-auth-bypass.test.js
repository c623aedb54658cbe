// Attempts to bypass the second factor, each of which has worked in a real pool. Here none gets tokens.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Amplify } from 'aws-amplify';
import { confirmSignIn, signIn } from 'aws-amplify/auth';

import { startCloud, temporaryFolder } from './harness/cloud.js';
import { storedFactors } from './harness/factors.js';
import { templateWith } from './harness/policy.js';
import { createUser, newAddress, PASSWORD as password, signUp } from './harness/user.js';

const folder = temporaryFolder();
const challenge = 'CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE';
const incomplete = {
  name: 'UserLambdaValidationException',
  message: 'PreTokenGeneration failed with error Sign-in was not completed. Sign in again.',
};
let cloud;
let tried = 0;
let phones = 0;

before(async () => {
  const policy = '[governor]\ncool_down_seconds = 1\n[custom_auth.clients.custom]\nfirst_step = "password"\n';
  cloud = await startCloud(['--memory', '--template', templateWith(folder.path, policy)]);
  const { userPoolId, clients, cognito } = cloud.endpoints;
  Amplify.configure({
    Auth: { Cognito: { userPoolId, userPoolClientId: clients.custom.id, userPoolEndpoint: cognito } },
  });
  // A setting that an administrator may have left on.
  await cloud.cognito('UpdateUserPoolClient', {
    UserPoolId: userPoolId,
    ClientId: clients.custom.id,
    ExplicitAuthFlows: [
      'ALLOW_CUSTOM_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH', 'ALLOW_USER_SRP_AUTH', 'ALLOW_USER_PASSWORD_AUTH',
    ],
    PreventUserExistenceErrors: 'ENABLED',
  });
});

after(async () => {
  console.log(`${tried} ways around tried, 0 tokens`);
  folder.remove();
  await cloud.stop();
});

/** Checks that the attempt fails with the expected error. */
async function refused(attempt, expected) {
  tried += 1;
  await assert.rejects(attempt, expected);
}

function passwordAuth(username, clientId = cloud.endpoints.clients.custom.id) {
  return cloud.cognito('InitiateAuth', {
    AuthFlow: 'USER_PASSWORD_AUTH',
    ClientId: clientId,
    AuthParameters: { USERNAME: username, PASSWORD: password },
  });
}

describe('by Cognito’s own ways', () => {
  test('an empty session on a client that asks for the password first', async () => {
    const username = await signUp(cloud);
    const start = () => cloud.cognito('InitiateAuth', {
      AuthFlow: 'CUSTOM_AUTH',
      ClientId: cloud.endpoints.clients.custom.id,
      AuthParameters: { USERNAME: username },
    });
    await refused(start, { name: 'NotAuthorizedException', message: 'Incorrect username or password.' });
  });

  test('the password alone, by flows that were left on', async () => {
    const username = await signUp(cloud);
    await refused(() => passwordAuth(username), incomplete);
    const srp = { username, password, options: { authFlowType: 'USER_SRP_AUTH' } };
    await refused(() => signIn(srp), incomplete);
  });

  test('NEW_PASSWORD_REQUIRED, with Define and without', async () => {
    const invited = async () => {
      const username = newAddress();
      await cloud.cognito('AdminCreateUser', {
        UserPoolId: cloud.endpoints.userPoolId,
        Username: username,
        TemporaryPassword: password,
        MessageAction: 'SUPPRESS',
        UserAttributes: [{ Name: 'email', Value: username }, { Name: 'email_verified', Value: 'true' }],
      });
      return username;
    };
    const username = await invited();
    const first = await signIn({ username, password, options: { authFlowType: 'CUSTOM_WITH_SRP' } });
    assert.equal(first.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED');
    const second = await confirmSignIn({ challengeResponse: 'Another-Horse-8' });
    tried += 1;
    assert.equal(second.nextStep.signInStep, challenge, 'a new password is no second factor');

    const other = await invited();
    const asked = await passwordAuth(other);
    assert.equal(asked.ChallengeName, 'NEW_PASSWORD_REQUIRED');
    const answer = () => cloud.cognito('RespondToAuthChallenge', {
      ClientId: cloud.endpoints.clients.custom.id,
      ChallengeName: 'NEW_PASSWORD_REQUIRED',
      Session: asked.Session,
      ChallengeResponses: { USERNAME: other, NEW_PASSWORD: 'Another-Horse-8' },
    });
    await refused(answer, incomplete);
  });

  test('a client that nobody listed, and a custom flow at a native one', async () => {
    const username = await signUp(cloud);
    const { UserPoolClient } = await cloud.cognito('CreateUserPoolClient', {
      UserPoolId: cloud.endpoints.userPoolId,
      ClientName: 'forgotten',
      ExplicitAuthFlows: ['ALLOW_USER_PASSWORD_AUTH', 'ALLOW_CUSTOM_AUTH'],
    });
    await refused(() => passwordAuth(username, UserPoolClient.ClientId), {
      name: 'UserLambdaValidationException',
      message: 'PreTokenGeneration failed with error This app is not allowed to sign users in.',
    });
    const start = () => cloud.cognito('InitiateAuth', {
      AuthFlow: 'CUSTOM_AUTH',
      ClientId: UserPoolClient.ClientId,
      AuthParameters: { USERNAME: username },
    });
    await refused(start, { name: 'NotAuthorizedException' });
    assert.ok((await passwordAuth(username, cloud.endpoints.clients.native.id)).AuthenticationResult);
  });
});

// The test calls the functions one by one, as Cognito does, so that a proof remains that no request has
// redeemed.
describe('with the proof of somebody or something else', () => {
  const source = {
    'define-auth-challenge': 'DefineAuthChallenge_Authentication',
    'create-auth-challenge': 'CreateAuthChallenge_Authentication',
    'verify-auth-challenge-response': 'VerifyAuthChallengeResponse_Authentication',
    'pre-token-generation': 'TokenGeneration_Authentication',
  };

  async function invoke(name, user, request, clientId = cloud.endpoints.clients.custom.id) {
    const event = {
      version: '1',
      region: cloud.endpoints.region,
      userPoolId: cloud.endpoints.userPoolId,
      userName: user.name,
      callerContext: { awsSdkVersion: 'aws-sdk-unknown-unknown', clientId },
      triggerSource: source[name],
      request: { userAttributes: user.attributes, ...request },
      response: {},
    };
    const url = new URL(`/2015-03-31/functions/${name}/invocations`, cloud.endpoints.lambda);
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(event) });
    const answer = await response.json();
    if (answer.errorMessage !== undefined) throw new Error(answer.errorMessage);
    return answer.response;
  }

  /** Returns a user and the result of their session, with a right code as the last answer. */
  async function proven(metadata) {
    phones += 1;
    const phone = `+1202555${String(1000 + phones)}`;
    const address = await createUser(cloud, { phone });
    const { UserAttributes, Username } = await cloud.cognito('AdminGetUser', {
      UserPoolId: cloud.endpoints.userPoolId,
      Username: address,
    });
    const attributes = Object.fromEntries(UserAttributes.map(({ Name, Value }) => [Name, Value]));
    const user = { name: Username, attributes: { ...attributes, 'cognito:user_status': 'CONFIRMED' } };
    const session = ['SRP_A', 'PASSWORD_VERIFIER'].map((challengeName) => (
      { challengeName, challengeResult: true, challengeMetadata: null }
    ));
    const round = async (answer) => {
      const created = await invoke('create-auth-challenge', user, { session, challengeName: 'CUSTOM_CHALLENGE' });
      const challengeAnswer = typeof answer === 'string' ? answer : await answer();
      const { answerCorrect } = await invoke('verify-auth-challenge-response', user, {
        privateChallengeParameters: created.privateChallengeParameters,
        challengeAnswer,
        clientMetadata: metadata?.(created.publicChallengeParameters),
      });
      session.push({
        challengeName: 'CUSTOM_CHALLENGE',
        challengeResult: answerCorrect,
        challengeMetadata: created.challengeMetadata,
      });
      return { answerCorrect, ...created };
    };
    await round('sms');
    const last = await round(() => cloud.code(phone));
    assert.equal(last.answerCorrect, true);
    const defined = await invoke('define-auth-challenge', user, { session });
    assert.deepEqual(defined, { challengeName: null, issueTokens: true, failAuthentication: false });
    return { user, address, phone, session, nonce: last.publicChallengeParameters.nonce };
  }

  const token = (user, clientMetadata, clientId) => (
    invoke('pre-token-generation', user, { groupConfiguration: {}, clientMetadata }, clientId)
  );
  const again = { message: 'Sign-in was not completed. Sign in again' };

  /** Returns the event of Verify for a sign-in that waits for its text message. */
  async function waiting() {
    const { user, phone } = await proven();
    const session = ['SRP_A', 'PASSWORD_VERIFIER'].map((challengeName) => (
      { challengeName, challengeResult: true, challengeMetadata: null }
    ));
    const create = () => invoke('create-auth-challenge', user, { session, challengeName: 'CUSTOM_CHALLENGE' });
    const begun = await create();
    await invoke('verify-auth-challenge-response', user, {
      privateChallengeParameters: begun.privateChallengeParameters,
      challengeAnswer: 'sms',
    });
    session.push({ challengeName: 'CUSTOM_CHALLENGE', challengeResult: false, challengeMetadata: begun.challengeMetadata });
    await setTimeout(1100); // The cool-down of this test's policy.
    const { privateChallengeParameters } = await create();
    return { user, privateChallengeParameters, code: await cloud.code(phone) };
  }

  test('50 parallel right answers are one sign-in', async () => {
    const { user, privateChallengeParameters, code } = await waiting();
    await token(user).catch(() => {});
    const fifty = Array.from({ length: 50 });
    const request = { privateChallengeParameters, challengeAnswer: code };
    const answers = await Promise.all(fifty.map(() => invoke('verify-auth-challenge-response', user, request)));
    assert.ok(answers.every(({ answerCorrect }) => answerCorrect), 'one answer, delivered again and again');
    const tokens = await Promise.allSettled(fifty.map(() => token(user)));
    const issued = tokens.filter(({ status }) => status === 'fulfilled').length;
    console.log(`50 parallel right answers, 50 requests for tokens: ${issued} sign-in`);
    assert.equal(issued, 1);
  });

  test('200 parallel wrong answers are five comparisons at most', async () => {
    const { user, privateChallengeParameters, code } = await waiting();
    const wrong = (number) => String((Number(code) + 1 + number) % 1_000_000).padStart(6, '0');
    const verify = (number) => invoke('verify-auth-challenge-response', user, {
      // Each answer claims to be another round.
      privateChallengeParameters: { ...privateChallengeParameters, at: String(3 + number) },
      challengeAnswer: wrong(number),
    });
    const answers = [];
    // Each batch has as many calls as there are processes here.
    for (let first = 0; first < 200; first += 50) {
      answers.push(...await Promise.all(Array.from({ length: 50 }, (_, index) => verify(first + index))));
    }
    assert.ok(answers.every(({ answerCorrect }) => answerCorrect === false));
    const stored = await storedFactors(cloud, user.attributes.sub);
    const counted = Object.entries(stored)
      .filter(([name]) => name.startsWith('slot_'))
      .map(([, slot]) => Number(slot.M.k.N));
    console.log(`200 parallel wrong answers: ${Math.max(...counted)} comparisons`);
    assert.equal(Math.max(...counted), 5);
    const { answerCorrect } = await invoke('verify-auth-challenge-response', user, {
      privateChallengeParameters: { ...privateChallengeParameters, at: '300' },
      challengeAnswer: code,
    });
    assert.equal(answerCorrect, false, 'the right one comes too late');
  });

  test('two requests for tokens on one proof', async () => {
    const { user, address } = await proven();
    await token(user);
    await refused(() => token(user), again);
    await refused(() => passwordAuth(address), incomplete);
  });

  test('another session’s, where the client names its sign-in', async () => {
    const { user, address, nonce } = await proven(({ nonce: own }) => ({ nonce: own }));
    await refused(() => passwordAuth(address), incomplete);
    await refused(() => token(user), again);
    await refused(() => token(user, { nonce: '0'.repeat(32) }), again);
    await token(user, { nonce });
  });

  test('another user’s, and another client’s', async () => {
    const [one, two] = [await proven(), await proven()];
    const stranger = await signUp(cloud);
    await refused(() => passwordAuth(stranger), incomplete);
    await refused(() => token({ ...one.user, attributes: { ...one.user.attributes, sub: 'f'.repeat(36) } }), again);
    await refused(() => token(one.user, undefined, 'f'.repeat(26)), { message: 'This app is not allowed to sign users in' });
    await token(two.user);
    await token(one.user);
  });

  test('of a session that somebody has put together from others', async () => {
    const [one, two] = [await proven(), await proven()];
    const password = one.session.slice(0, 2);
    const define = (user, session) => invoke('define-auth-challenge', user, { session });
    const failed = { challengeName: null, issueTokens: false, failAuthentication: true };
    const custom = one.session.slice(2);
    for (const [what, user, session] of [
      ['another user’s rounds', two.user, one.session],
      ['without the password', one.user, custom],
      ['without the choice', one.user, [...password, one.session[3]]],
      ['a round twice', one.user, [...one.session, one.session[3]]],
      ['a result turned round', one.user, [...password, custom[0], { ...custom[1], challengeResult: false }]],
      ['a choice as a proof', one.user, [...password, { ...custom[0], challengeResult: true }]],
      ['two sign-ins', one.user, [...password, custom[0], two.session[3]]],
      ['SRP_A alone', one.user, [password[0], ...custom]],
    ]) {
      tried += 1;
      assert.deepEqual(await define(user, session), failed, what);
    }
  });
});
