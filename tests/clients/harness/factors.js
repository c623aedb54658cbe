// A user's custom factors in the table, reached through the table's own API without the functions.

/** Returns the user's item, in DynamoDB's JSON. */
export async function storedFactors(cloud, sub) {
  const { Item } = await dynamodb(cloud, 'GetItem', { TableName: await table(cloud), Key: key(sub) });
  return Item;
}

/** Ends a user's running sign-ins, which otherwise expire after some minutes. */
export async function endSignIns(cloud, sub) {
  const slots = Object.keys((await storedFactors(cloud, sub)) ?? {}).filter((name) => name.startsWith('slot_'));
  if (slots.length === 0) return;
  const UpdateExpression = `REMOVE ${slots.join(', ')}`;
  await dynamodb(cloud, 'UpdateItem', { TableName: await table(cloud), Key: key(sub), UpdateExpression });
}

/** Returns the whole content of the table as text. */
export async function storedText(cloud) {
  const items = [];
  let ExclusiveStartKey;
  do {
    const page = await dynamodb(cloud, 'Scan', { TableName: await table(cloud), ExclusiveStartKey });
    items.push(...page.Items);
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey !== undefined);
  return JSON.stringify(items);
}

function key(sub) {
  return { pk: { S: `USER#${sub}` }, sk: { S: 'FACTORS' } };
}

async function table(cloud) {
  const { TableNames } = await dynamodb(cloud, 'ListTables', {});
  return TableNames[0];
}

async function dynamodb(cloud, operation, parameters) {
  const response = await fetch(cloud.endpoints.dynamodb, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `DynamoDB_20120810.${operation}`,
      'x-amz-date': '20260101T000000Z',
      // Any credentials work: the service checks only their form.
      authorization:
        'AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00',
    },
    body: JSON.stringify(parameters),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return JSON.parse(text);
}
