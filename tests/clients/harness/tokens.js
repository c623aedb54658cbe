// Verifies tokens as a resource server does: with aws-jwt-verify, against the served key set.
import { CognitoJwtVerifier } from 'aws-jwt-verify';

/** Returns the verified payloads of an access and an ID token. Throws if either is invalid. */
export async function verify(cloud, { accessToken, idToken }) {
  const verifier = CognitoJwtVerifier.create({
    userPoolId: cloud.endpoints.userPoolId,
    clientId: cloud.endpoints.clients.native.id,
    tokenUse: null,
  });
  verifier.cacheJwks(await cloud.jwks());
  return {
    access: await verifier.verify(accessToken, { tokenUse: 'access' }),
    id: await verifier.verify(idToken, { tokenUse: 'id' }),
  };
}
