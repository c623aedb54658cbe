// Counts a user's sign-in attempts in one write, without window, back-off or rules. `cargo xtask bench init
// --peers` compares our trigger with it.
import { DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';

import { serve } from '../runtime.mjs';

const dynamodb = new DynamoDBClient({});
const { MFA_TABLE } = process.env;

serve(async (event) => {
  await dynamodb.send(
    new UpdateItemCommand({
      TableName: MFA_TABLE,
      Key: { pk: { S: `PEER#${event.request.userAttributes.sub}` }, sk: { S: 'SIGN_IN' } },
      UpdateExpression: 'SET last_attempt_at = :at ADD attempts :one',
      ExpressionAttributeValues: { ':at': { N: String(Date.now()) }, ':one': { N: '1' } },
    }),
  );
  return event;
});
