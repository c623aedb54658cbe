// Makes events/esdk-keys.javascript.json: codes sealed as Cognito seals them, by the official JavaScript AWS
// Encryption SDK over a KMS in this file. Run it by hand with `npm run sealed-codes` when the file has to
// change: every run draws new keys.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  AlgorithmSuiteIdentifier as Suite,
  CommitmentPolicy,
  KmsKeyringNode,
  buildClient,
} from '@aws-crypto/client-node';

const KEY_ARN = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const USER_POOL_ID = 'us-east-1_ExamplePl';

const SUITES = {
  v1_0378_signed_no_commitment: Suite.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384,
  v1_0178_unsigned_no_commitment: Suite.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA256,
  v2_0578_committed_signed: Suite.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY_ECDSA_P384,
  v2_0478_committed_unsigned: Suite.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY,
};

/** The texts that Cognito seals: a code, a longer one, a temporary password (cognito.md §2.3). */
const PLAINTEXTS = { code: '123456', long_code: '67890123', password: 'Tmp&lt;9x&gt;&amp;Qz1!' };

/** Genuine messages that do not have the form of Cognito's codes. */
const FOREIGN = {
  several_frames: { suiteId: SUITES.v1_0378_signed_no_commitment, frameLength: 4 },
  several_frames_committed: { suiteId: SUITES.v2_0578_committed_signed, frameLength: 4 },
  suite_0078_key_not_derived: { suiteId: Suite.ALG_AES256_GCM_IV12_TAG16 },
  suite_0114_aes_128: { suiteId: Suite.ALG_AES128_GCM_IV12_TAG16_HKDF_SHA256 },
  suite_0346_aes_192: { suiteId: Suite.ALG_AES192_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384 },
  two_data_keys: { suiteId: SUITES.v1_0378_signed_no_commitment, dataKeys: 2 },
  another_pool: { suiteId: SUITES.v1_0378_signed_no_commitment, pool: 'us-east-1_AnotherOne' },
};

/** A KMS that notes the data key it has just made. KMS decides the length of a ciphertext. */
class Kms {
  made = undefined;

  async generateDataKey({ KeyId, NumberOfBytes, EncryptionContext }) {
    this.made = { key: randomBytes(NumberOfBytes), ciphertext: randomBytes(184), context: EncryptionContext };
    // A copy, because the SDK wipes its argument.
    return { KeyId, Plaintext: Buffer.from(this.made.key), CiphertextBlob: this.made.ciphertext };
  }

  async encrypt({ KeyId }) {
    return { KeyId, CiphertextBlob: randomBytes(184) };
  }
}

async function seal(plaintext, { suiteId, frameLength, dataKeys = 1, pool = USER_POOL_ID }) {
  const committed = [SUITES.v2_0578_committed_signed, SUITES.v2_0478_committed_unsigned].includes(suiteId);
  const { encrypt } = buildClient(
    committed ? CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT : CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT,
  );
  const kms = new Kms();
  const keyring = new KmsKeyringNode({
    clientProvider: () => kms,
    generatorKeyId: KEY_ARN,
    keyIds: Array(dataKeys - 1).fill(KEY_ARN),
  });
  const options = { suiteId, encryptionContext: { 'userpool-id': pool } };
  const { result, messageHeader } = await encrypt(keyring, plaintext, { ...options, frameLength });
  return {
    code: result.toString('base64'),
    plaintext,
    algorithm: `0x${messageHeader.suiteId.toString(16).padStart(4, '0')}`,
    edk_ciphertext_b64: kms.made.ciphertext.toString('base64'),
    data_key_b64: kms.made.key.toString('base64'),
    encryption_context: { ...kms.made.context },
  };
}

const variants = {};
for (const [suite, suiteId] of Object.entries(SUITES)) {
  for (const [kind, plaintext] of Object.entries(PLAINTEXTS)) {
    variants[`${suite}_${kind}`] = await seal(plaintext, { suiteId });
  }
}
const refused = {};
for (const [name, options] of Object.entries(FOREIGN)) refused[name] = await seal('123456', options);

const file = {
  note: 'Test-only AWS Encryption SDK material made by tests/clients/vectors/make-sealed-codes.js with the official JavaScript library and a KMS of its own; no real key. `variants` are sealed as Cognito seals codes, `refused` are not.',
  kms_key_arn: KEY_ARN,
  events: {},
  variants,
  refused,
};
const target = fileURLToPath(new URL('../../../events/esdk-keys.javascript.json', import.meta.url));
writeFileSync(target, `${JSON.stringify(file, null, 1)}\n`);
