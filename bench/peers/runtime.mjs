// A minimal client of the Lambda Runtime API. Lambda's own runtime for Node.js loads more. It uses
// `node:http`, because the first use of `fetch` would cost the handler some 20 ms.
import { Agent, request } from 'node:http';

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new Agent({ keepAlive: true });
const invocation = '/2018-06-01/runtime/invocation';

function call(method, path, body) {
  return new Promise((done, failed) => {
    const options = { agent, host, port, method, path, headers: { 'content-type': 'application/json' } };
    const sent = request(options, async (response) => {
      const parts = [];
      for await (const part of response) parts.push(part);
      done({ headers: response.headers, body: Buffer.concat(parts).toString() });
    });
    sent.on('error', failed);
    sent.end(body);
  });
}

export async function serve(handler) {
  for (;;) {
    const next = await call('GET', `${invocation}/next`);
    const id = next.headers['lambda-runtime-aws-request-id'];
    try {
      const answer = await handler(JSON.parse(next.body));
      await call('POST', `${invocation}/${id}/response`, JSON.stringify(answer));
    } catch (error) {
      const fault = { errorType: error.name, errorMessage: error.message };
      await call('POST', `${invocation}/${id}/error`, JSON.stringify(fault));
    }
  }
}
