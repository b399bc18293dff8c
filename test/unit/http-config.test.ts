/** Settings of the HTTP edge. */
import { expect, test } from '@jest/globals';
import { readGatewayConfig } from '../../gateway/config.js';

test('the safelist and other origins are off unless they are set', () => {
  expect(readGatewayConfig({})).toMatchObject({ safelist: 'off', corsOrigins: [], operationsDirectory: expect.stringMatching(/schema.operations$/) });
  expect(readGatewayConfig({ ACGS_SAFELIST: 'enforce', ACGS_OPERATIONS_DIR: 'elsewhere', ACGS_CORS_ORIGINS: 'https://a.example, http://localhost:3000' })).toMatchObject({ safelist: 'enforce', operationsDirectory: 'elsewhere', corsOrigins: ['https://a.example', 'http://localhost:3000'] });
});

test.each([['ACGS_SAFELIST', 'on'], ['ACGS_CORS_ORIGINS', '*'], ['ACGS_CORS_ORIGINS', 'https://a.example/'], ['ACGS_CORS_ORIGINS', 'a.example'], ['ACGS_CORS_ORIGINS', 'https://a.example,null'], ['ACGS_CORS_ORIGINS', 'HTTPS://A.example']])('%s=%s is refused with its name', (key, value) => {
  expect(() => readGatewayConfig({ [key]: value })).toThrow(key);
});
