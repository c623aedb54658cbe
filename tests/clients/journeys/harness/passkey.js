// Passkeys without a browser. They verify their user.
import { WebAuthnEmulator } from 'nid-webauthn-emulator';

/** The page that uses passkeys. */
export const ORIGIN = 'http://localhost:3000';

/** Creates a device that holds passkeys. */
export function newPasskeys() {
  return new WebAuthnEmulator();
}
