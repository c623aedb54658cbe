// Where things are, as the console says.

const response = await fetch("/api/overview");
const overview = await response.json();

export const { endpoints, functions, signInWith } = overview;

/** The pool's name in SRP: its id without the Region. */
export const poolName = endpoints.userPoolId.split("_")[1];

/** Whether the pool can be asked for custom challenges. */
export const hasCustomAuth = functions.includes("define-auth-challenge");

/** Whether accounts can be recovered. */
export const hasRecovery = functions.includes("recovery-api");
