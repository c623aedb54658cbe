// One sign-in at one app client, call by call, through the pool's own API. An attacker uses no library that
// follows the rules.
import { createHmac } from 'node:crypto';

import { Exchange } from '../../../../local/src/console/demo/srp.js';
import { Authenticator } from '../../harness/authenticator.js';

// The errors by which the pool refuses. Any other error is a fault of the cloud and fails the journey.
const REFUSALS = [
  'NotAuthorizedException',
  'UserLambdaValidationException',
  'CodeMismatchException',
  'PasswordResetRequiredException',
  'InvalidParameterException',
  'ResourceNotFoundException',
];

const ANSWERS = {
  CUSTOM_CHALLENGE: 'ANSWER',
  SOFTWARE_TOKEN_MFA: 'SOFTWARE_TOKEN_MFA_CODE',
  SMS_MFA: 'SMS_MFA_CODE',
  EMAIL_OTP: 'EMAIL_OTP_CODE',
};

export class SignIn {
  /** The challenge that waits for an answer, if any. */
  challenge;
  /** The public parameters of the challenge. */
  shown = {};
  /** The tokens that the pool issued, if any. */
  tokens;
  /** The last refusal. */
  refusal;

  #world;
  #client;
  #name;
  #session;
  #device;

  constructor(world, client, name) {
    this.#world = world;
    this.#client = world.clients[client];
    this.#name = name;
  }

  /** Starts with the password or, where the client accepts that, with the name alone. */
  async begin({ password, device } = {}) {
    this.#device = device;
    const named = { USERNAME: this.#name, ...this.#attached(this.#name) };
    if (password === undefined) {
      return this.#call('InitiateAuth', { AuthFlow: 'CUSTOM_AUTH', AuthParameters: named });
    }
    const exchange = new Exchange();
    const srp = { ...named, SRP_A: exchange.A };
    await this.#call('InitiateAuth', this.#client.custom
      ? { AuthFlow: 'CUSTOM_AUTH', AuthParameters: { ...srp, CHALLENGE_NAME: 'SRP_A' } }
      : { AuthFlow: 'USER_SRP_AUTH', AuthParameters: srp });
    if (this.challenge !== 'PASSWORD_VERIFIER') return this;
    const [, group] = this.#world.cloud.endpoints.userPoolId.split('_');
    const { USER_ID_FOR_SRP: name } = this.shown;
    return this.respond(await exchange.prove({ group, name, password, ...this.shown }));
  }

  /** The step of a custom challenge: `begin`, `code` or `enrol`. */
  get step() {
    return this.challenge === 'CUSTOM_CHALLENGE' ? this.shown.step : undefined;
  }

  /** The factors that a custom challenge offers. */
  get factors() {
    return this.shown.factors?.split(',') ?? [];
  }

  /** Returns the claims of the access token, or no claims without a token. */
  get claims() {
    if (this.tokens === undefined) return {};
    return JSON.parse(Buffer.from(this.tokens.AccessToken.split('.')[1], 'base64url'));
  }

  /** Answers the current challenge with a code or with the name of a factor. Does nothing without a
   * challenge. */
  async answer(text) {
    if (this.challenge === undefined) return this;
    return this.respond({ [ANSWERS[this.challenge] ?? 'ANSWER']: text });
  }

  /** Chooses a factor that sends a code to `address`, reads the code there and enters it. */
  async answerByMessage(factor, address) {
    const code = await this.code(factor, address);
    return code === undefined ? this : this.answer(code);
  }

  /** Chooses a factor that sends a code to `address`. Returns the code if the pool asked for one. */
  async code(factor, address) {
    const box = await this.#world.mailbox(address);
    await this.answer(factor);
    const isAsked = this.step === 'code' && this.shown.factor === factor;
    return isAsked ? box.nextCode() : undefined;
  }

  /** Proves a browser that Cognito remembers. */
  async proveRememberedDevice({ key, group, password }) {
    if (this.challenge !== 'DEVICE_SRP_AUTH') return this;
    const exchange = new Exchange();
    await this.respond({ SRP_A: exchange.A });
    if (this.challenge !== 'DEVICE_PASSWORD_VERIFIER') return this;
    return this.respond(await exchange.prove({ group, name: key, password, ...this.shown }));
  }

  /** Answers MFA_SETUP with a new authenticator. Returns the authenticator. */
  async setUpInPool() {
    if (this.challenge !== 'MFA_SETUP') return undefined;
    const started = await this.#world.cognito('AssociateSoftwareToken', { Session: this.#session });
    const app = new Authenticator(started.SecretCode);
    const UserCode = await app.late();
    const verified = await this.#world.cognito('VerifySoftwareToken', { Session: started.Session, UserCode });
    this.#session = verified.Session;
    await this.respond({});
    return app;
  }

  /** Returns the session of the challenge, for calls that a client would not make now. */
  get session() {
    return this.#session;
  }

  /** Continues with the session of another sign-in. */
  steal(other) {
    this.#session = other.session;
    this.challenge = other.challenge;
  }

  /** Sends any answer to the challenge. */
  respond(responses) {
    const USERNAME = this.shown.USERNAME ?? this.shown.USER_ID_FOR_SRP ?? this.#name;
    const { nonce } = this.shown;
    return this.#call('RespondToAuthChallenge', {
      ChallengeName: this.challenge,
      Session: this.#session,
      ChallengeResponses: { USERNAME, ...this.#attached(USERNAME), ...responses },
      ...(nonce === undefined ? {} : { ClientMetadata: { nonce } }),
    });
  }

  #attached(name) {
    return {
      ...(this.#device === undefined ? {} : { DEVICE_KEY: this.#device.key }),
      ...(this.#client.secret === undefined ? {} : { SECRET_HASH: secretHash(this.#client, name) }),
    };
  }

  async #call(operation, input) {
    let answer;
    try {
      answer = await this.#world.cognito(operation, { ClientId: this.#client.id, ...input });
    } catch (error) {
      if (!REFUSALS.includes(error.name)) throw error;
      this.refusal = error;
      // After a wrong code the pool accepts another code in the same session.
      if (error.name !== 'CodeMismatchException') this.challenge = undefined;
      return this;
    }
    this.refusal = undefined;
    this.challenge = answer.ChallengeName;
    this.shown = answer.ChallengeParameters ?? {};
    this.#session = answer.Session;
    this.tokens = answer.AuthenticationResult;
    return this;
  }
}

export function secretHash({ id, secret }, name) {
  return createHmac('sha256', secret).update(name + id).digest('base64');
}
