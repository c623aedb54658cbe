// A browser's key for trusted devices: it signs and can't be exported.

export class Device {
  static async make() {
    const device = new Device();
    device.keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
    const spki = await crypto.subtle.exportKey('spki', device.keys.publicKey);
    device.publicKey = Buffer.from(spki).toString('base64');
    return device;
  }

  /** Registers the device through the MFA API, with an access token as Amplify has it. */
  async register(cloud, token) {
    const body = { name: 'Laptop', publicKey: this.publicKey };
    const response = await cloud.api('/mfa/trusted-devices', { token: token.toString(), method: 'POST', body });
    const kept = await response.json();
    if (!response.ok) throw new Error(JSON.stringify(kept));
    Object.assign(this, { id: kept.id, sub: token.payload.sub, clientId: token.payload.client_id });
  }

  /** Returns the answer to a challenge. */
  async sign({ nonce }) {
    const statement = ['cognito-mfa/trusted-device/1', nonce, this.sub, this.clientId].join('\n');
    const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
    const signature = await crypto.subtle.sign(algorithm, this.keys.privateKey, new TextEncoder().encode(statement));
    return JSON.stringify({ device: this.id, signature: Buffer.from(signature).toString('base64url') });
  }
}
