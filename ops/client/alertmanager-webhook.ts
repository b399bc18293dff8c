/** Sends alerts as Alertmanager does (webhook payload, version 4): for the demonstration, benchmarks and fault runs. */

export interface FiringAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** 16 hexadecimal characters; with `startsAt` it identifies the episode. */
  readonly fingerprint: string;
  /** ISO 8601. */
  readonly startsAt: string;
  /** Group the alert belongs to; alerts of one group share an incident. */
  readonly groupKey: string;
  readonly groupLabels?: Readonly<Record<string, string>>;
}

/** Posts one firing alert. @returns the answer, whatever its status. @throws TypeError when the server cannot be reached. */
export function postAlert(webhookUrl: string, token: string, { labels, annotations, fingerprint, startsAt, groupKey, groupLabels = {} }: FiringAlert): Promise<Response> {
  return fetch(webhookUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({
      version: '4', groupKey, truncatedAlerts: 0, status: 'firing', receiver: 'acgs', groupLabels, commonLabels: labels, commonAnnotations: annotations, externalURL: 'http://127.0.0.1:9093',
      alerts: [{ status: 'firing', labels, annotations, startsAt, endsAt: '0001-01-01T00:00:00Z', generatorURL: 'http://127.0.0.1:9091/graph', fingerprint }],
    }),
  });
}
