// violates: environment-is-read-in-config-only
export const port = process.env['PORT'];
