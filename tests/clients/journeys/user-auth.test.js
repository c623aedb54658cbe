// Shows what choice-based sign-in (`USER_AUTH`) at `native` gives: one-time codes and passkeys as first factors.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { newPasskeys, ORIGIN } from './harness/passkey.js';
import { SignIn } from './harness/sign-in.js';
import { journey, noTokens, oneProof, worldOf } from './harness/world.js';

const FIRST_FACTORS = ['PASSWORD', 'EMAIL_OTP', 'SMS_OTP', 'WEB_AUTHN'];
const RELYING_PARTY = { RelyingPartyId: 'localhost', UserVerification: 'required' };

/** Changes some settings of the pool, and keeps the others. */
async function changePool(world, change) {
  const { UserPool } = await world.cognito('DescribeUserPool', world.pool);
  const kept = [
    'Policies', 'DeletionProtection', 'LambdaConfig', 'AutoVerifiedAttributes', 'UserAttributeUpdateSettings',
    'MfaConfiguration', 'DeviceConfiguration', 'EmailConfiguration', 'SmsConfiguration', 'AdminCreateUserConfig',
    'UserPoolAddOns', 'UserPoolTier', 'AccountRecoverySetting',
  ];
  const settings = Object.fromEntries(kept.filter((name) => name in UserPool).map((name) => [name, UserPool[name]]));
  await world.cognito('UpdateUserPool', { ...world.pool, ...change(settings) });
}

/** Lets `native` offer every first factor. */
async function allowChoice(world, factorConfiguration) {
  await changePool(world, (settings) => ({
    ...settings,
    Policies: { ...settings.Policies, SignInPolicy: { AllowedFirstAuthFactors: FIRST_FACTORS } },
  }));
  const config = await world.cognito('GetUserPoolMfaConfig', world.pool);
  await world.cognito('SetUserPoolMfaConfig', {
    ...world.pool,
    ...config,
    WebAuthnConfiguration: { ...RELYING_PARTY, FactorConfiguration: factorConfiguration },
  });
  const client = { ...world.pool, ClientId: world.clients.native.id };
  const { UserPoolClient } = await world.cognito('DescribeUserPoolClient', client);
  const { ClientSecret, CreationDate, LastModifiedDate, ...settings } = UserPoolClient;
  const ExplicitAuthFlows = [...settings.ExplicitAuthFlows, 'ALLOW_USER_AUTH'];
  await world.cognito('UpdateUserPoolClient', { ...settings, ExplicitAuthFlows });
}

/** Signs in at `native` with one first factor. `prove` returns the responses to its challenge. */
async function choose(world, owner, PREFERRED_CHALLENGE, prove, parameters = {}) {
  const signIn = new SignIn(world, 'native', owner.name);
  const ClientId = world.clients.native.id;
  try {
    let step = await world.cognito('InitiateAuth', {
      ClientId,
      AuthFlow: 'USER_AUTH',
      AuthParameters: { USERNAME: owner.name, PREFERRED_CHALLENGE, ...parameters },
    });
    signIn.challenge = step.ChallengeName;
    if (step.ChallengeName === PREFERRED_CHALLENGE) {
      const ChallengeResponses = { USERNAME: owner.name, ...(await prove(step.ChallengeParameters)) };
      const { ChallengeName, Session } = step;
      step = await world.cognito('RespondToAuthChallenge', { ClientId, ChallengeName, Session, ChallengeResponses });
      signIn.challenge = step.ChallengeName;
    }
    signIn.tokens = step.AuthenticationResult;
  } catch (error) {
    if (!['NotAuthorizedException', 'UserLambdaValidationException'].includes(error.name)) throw error;
    signIn.refusal = error;
  }
  return signIn;
}

async function chooseMailbox(world, owner) {
  const box = await world.mailbox(owner.email);
  return choose(world, owner, 'EMAIL_OTP', async () => ({ EMAIL_OTP_CODE: await box.nextCode() }));
}

function choosePasskey(world, owner, passkeys) {
  return choose(world, owner, 'WEB_AUTHN', ({ CREDENTIAL_REQUEST_OPTIONS: options }) => ({
    CREDENTIAL: JSON.stringify(passkeys.getJSON(ORIGIN, JSON.parse(options))),
  }));
}

/** Registers a passkey with a token, as every holder of the token can. */
async function registerPasskey(world, { tokens: { AccessToken } }) {
  const passkeys = newPasskeys();
  const { CredentialCreationOptions } = await world.cognito('StartWebAuthnRegistration', { AccessToken });
  const Credential = passkeys.createJSON(ORIGIN, CredentialCreationOptions);
  await world.cognito('CompleteWebAuthnRegistration', { AccessToken, Credential });
  return passkeys;
}

describe('a passkey is a first factor only', () => {
  const world = worldOf();
  before(() => allowChoice(world, 'SINGLE_FACTOR'));

  journey('holds the mailbox of an owner with a custom authenticator: signs in at native by e-mail code', async () => {
    const owner = await world.newUserWithAuthenticator();
    const thief = await chooseMailbox(world, owner);
    assert.equal(thief.refusal?.name, 'UserLambdaValidationException', 'the code was right, and the tokens are refused');
    noTokens(thief);
  });

  journey('holds the mailbox of an owner with a pool authenticator: asks at native for an e-mail code', async () => {
    const owner = await world.newUserWithPoolAuthenticator();
    const thief = await choose(world, owner, 'EMAIL_OTP', () => assert.fail('a code was offered'));
    assert.equal(thief.challenge, 'SELECT_CHALLENGE');
    noTokens(thief);
  });

  journey('holds the password of an owner with a custom authenticator: chooses the password at native', async () => {
    const owner = await world.newUserWithAuthenticator();
    noTokens(await choose(world, owner, 'PASSWORD', () => assert.fail('one more step'), { PASSWORD: owner.password }));
  });

  journey('held an access token of an owner with a custom authenticator: signs in with a passkey of their own', async () => {
    const owner = await world.newUserWithAuthenticator();
    const passkeys = await registerPasskey(world, owner.signIn);
    const thief = await choosePasskey(world, owner, passkeys);
    assert.equal(thief.refusal?.name, 'UserLambdaValidationException', 'the passkey was right, and the tokens are refused');
    noTokens(thief);
  });

  journey('held an access token of an owner with a pool authenticator: signs in with a passkey of their own', async () => {
    const owner = await world.newUserWithPoolAuthenticator();
    const passkeys = await registerPasskey(world, owner.signIn);
    const thief = await choosePasskey(world, owner, passkeys);
    assert.equal(thief.challenge, 'SELECT_CHALLENGE');
    noTokens(thief);
  });

  journey('holds the mailbox of an owner without a second factor: signs in at native by e-mail code', async () => {
    const owner = await world.newUser();
    const thief = await chooseMailbox(world, owner);
    oneProof(thief);
  });

  journey('holds a passkey of an owner without a second factor: signs in at native', async () => {
    const owner = await world.newUser();
    const passkeys = await registerPasskey(world, await world.signInNatively(owner));
    oneProof(await choosePasskey(world, owner, passkeys));
  });
});

describe('a passkey counts as MFA', () => {
  const world = worldOf();
  before(() => allowChoice(world, 'MULTI_FACTOR_WITH_USER_VERIFICATION'));

  test('an owner with a pool authenticator signs in with a passkey alone, and the token has level 2', async () => {
    const owner = await world.newUserWithPoolAuthenticator();
    const { AccessToken } = owner.signIn.tokens;
    const passkeys = await registerPasskey(world, owner.signIn);
    await world.cognito('SetUserMFAPreference', { AccessToken, WebAuthnMfaSettings: { Enabled: true } });
    const signIn = await choosePasskey(world, owner, passkeys);
    assert.equal(signIn.claims.mfa_level, '2');
  });

  journey('holds the mailbox of an owner whose passkey counts as MFA: signs in at native by e-mail code', async () => {
    const owner = await world.newUserWithPoolAuthenticator();
    const { AccessToken } = owner.signIn.tokens;
    await registerPasskey(world, owner.signIn);
    await world.cognito('SetUserMFAPreference', { AccessToken, WebAuthnMfaSettings: { Enabled: true } });
    const thief = await choose(world, owner, 'EMAIL_OTP', () => assert.fail('a code was offered'));
    noTokens(thief);
  });
});
