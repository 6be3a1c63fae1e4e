/**
 * The headless host: the engine and the console over loopback HTTP and WebSocket. Promises (security rules 4, 5, 14): it
 * binds loopback only; `Host` and, where a browser asks, `Origin` are exact; every call carries the token of this start,
 * browsers as an HttpOnly SameSite=Strict cookie which they get through a URL that works once; bodies, messages and rates
 * are bounded; secrets are compared in constant time and never logged.
 */
export * from './access.ts';
export * from './headless.ts';
export * from './listen.ts';
