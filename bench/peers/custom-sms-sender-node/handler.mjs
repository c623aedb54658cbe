// A custom SMS sender as in Cognito's documentation: it opens the code with the official AWS Encryption SDK
// and sends it. `cargo xtask bench senders` compares our sender with it.
import { CommitmentPolicy, KmsKeyringNode, buildClient } from '@aws-crypto/client-node';
import { KMS } from '@aws-sdk/client-kms';
import { PinpointSMSVoiceV2Client, SendTextMessageCommand } from '@aws-sdk/client-pinpoint-sms-voice-v2';

const { KMS_KEY_ARN, USER_POOL_ID } = process.env;

// Cognito's suite, 0x0378, commits to no key (docs/reference/cognito.md, 2.1).
const { decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT);
const kms = new KMS({});
const keyring = new KmsKeyringNode({ keyIds: [KMS_KEY_ARN], clientProvider: () => kms });
const sms = new PinpointSMSVoiceV2Client({});

export async function handler(event) {
  const { code, userAttributes } = event.request;
  const { plaintext, messageHeader } = await decrypt(keyring, Buffer.from(code, 'base64'));
  if (messageHeader.encryptionContext['userpool-id'] !== USER_POOL_ID) {
    throw new Error('sealed for another user pool');
  }
  await sms.send(
    new SendTextMessageCommand({
      DestinationPhoneNumber: userAttributes.phone_number,
      MessageBody: `Your code is ${plaintext.toString()}.`,
    }),
  );
  return event;
}
