// The official JavaScript SDK opens codes that the local pool seals for custom senders.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CommitmentPolicy, KmsKeyringNode, buildClient } from '@aws-crypto/client-node';
import { KMS } from '@aws-sdk/client-kms';
import { startCloud, temporaryFolder } from './harness/cloud.js';

const PHONE = '+12025550142';
const SENDER = 'custom-sms-sender';
const LOCAL = { accessKeyId: 'local', secretAccessKey: 'local' };

let cloud;
let functions;
let sealed;

before(async () => {
  const folder = temporaryFolder();
  const template = join(folder.path, 'template.yaml');
  const resource = {
    Type: 'AWS::Serverless::Function',
    Metadata: { BuildMethod: 'rust-cargolambda', BuildProperties: { Binary: SENDER } },
  };
  const arn = (id) => ({ 'Fn::GetAtt': [id, 'Arn'] });
  const triggers = {
    CustomSMSSender: { LambdaVersion: 'V1_0', LambdaArn: arn('CustomSmsSender') },
    KMSKeyID: arn('Key'),
  };
  const resources = {
    CustomSmsSender: resource,
    Key: { Type: 'AWS::KMS::Key' },
    Pool: { Type: 'AWS::Cognito::UserPool', Properties: { LambdaConfig: triggers } },
  };
  writeFileSync(template, JSON.stringify({ Transform: 'AWS::Serverless-2016-10-31', Resources: resources }));
  // Replaces the sender and keeps the event.
  let keep;
  sealed = new Promise((event) => (keep = event));
  functions = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    keep(JSON.parse(Buffer.concat(parts)));
    response.end('null');
  }).listen(0, '127.0.0.1');
  await once(functions, 'listening');
  const url = `http://127.0.0.1:${functions.address().port}`;
  const flags = ['--memory', '--sign-in-with', 'phone', '--template', template, '--lambda-endpoint', url];
  cloud = await startCloud(flags);
  folder.remove();
});

after(async () => {
  functions.close();
  await cloud.stop();
});

test('the code of a sign-up opens with the official SDK and confirms the user', async () => {
  const { endpoints } = cloud;
  const ClientId = endpoints.clients.native.id;
  await cloud.cognito('SignUp', {
    ClientId,
    Username: PHONE,
    Password: 'Correct-Horse-7',
    UserAttributes: [{ Name: 'phone_number', Value: PHONE }],
  });
  const event = await sealed;
  assert.equal(event.triggerSource, 'CustomSMSSender_SignUp');

  const { UserPool } = await cloud.cognito('DescribeUserPool', { UserPoolId: endpoints.userPoolId });
  const kms = new KMS({ endpoint: endpoints.kms, region: endpoints.region, credentials: LOCAL });
  const keyring = new KmsKeyringNode({ keyIds: [UserPool.LambdaConfig.KMSKeyID], clientProvider: () => kms });
  // The policy of Cognito's own sample: the suite commits to no key (docs/reference/cognito.md, 2.1).
  const { decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT);
  const { plaintext, messageHeader } = await decrypt(keyring, Buffer.from(event.request.code, 'base64'));

  assert.equal(messageHeader.suiteId, 0x0378);
  assert.equal(messageHeader.encryptionContext['userpool-id'], endpoints.userPoolId);
  assert.equal(messageHeader.encryptedDataKeys.length, 1);
  assert.match(plaintext.toString(), /^\d{6}$/);
  await cloud.cognito('ConfirmSignUp', { ClientId, Username: PHONE, ConfirmationCode: plaintext.toString() });
});
