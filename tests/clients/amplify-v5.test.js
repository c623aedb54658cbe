// The preference in Amplify v5's own words, which differ from v6's.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Auth } from 'amplify-auth-v5';

import { Authenticator } from './harness/authenticator.js';
import { startCloud } from './harness/cloud.js';
import { PASSWORD, signUp } from './harness/user.js';

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

test('an authenticator set up with v5 is the one that our API shows, and guards the next sign-in', async () => {
  const address = await signUp(cloud);
  const user = await Auth.signIn(address, PASSWORD);
  assert.equal(await Auth.getPreferredMFA(user, { bypassCache: true }), 'NOMFA');

  const authenticator = new Authenticator(await Auth.setupTOTP(user));
  await assert.rejects(Auth.verifyTotpToken(user, authenticator.wrong()), {
    name: 'EnableSoftwareTokenMFAException',
  });
  await Auth.verifyTotpToken(user, authenticator.next());
  assert.equal(await Auth.setPreferredMFA(user, 'TOTP'), 'SUCCESS');
  assert.equal(await Auth.getPreferredMFA(user, { bypassCache: true }), 'SOFTWARE_TOKEN_MFA');

  const token = user.getSignInUserSession().getAccessToken().getJwtToken();
  const preference = await (await cloud.api('/mfa/preference', { token })).json();
  assert.equal(preference.totp, 'PREFERRED');

  const signingIn = await Auth.signIn(address, PASSWORD);
  assert.equal(signingIn.challengeName, 'SOFTWARE_TOKEN_MFA');
  const signedIn = await Auth.confirmSignIn(signingIn, authenticator.next(), 'SOFTWARE_TOKEN_MFA');
  assert.equal(signedIn.getSignInUserSession().isValid(), true);

  assert.equal(await Auth.setPreferredMFA(signedIn, 'NOMFA'), 'SUCCESS');
  const after = await Auth.signIn(address, PASSWORD);
  assert.equal(after.challengeName, undefined);
});
