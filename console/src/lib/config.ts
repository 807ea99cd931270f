/** What the service says of itself before anybody has signed in. */
import { useQuery } from '@tanstack/react-query';
import { ApiProblem } from './api.ts';

export interface ConsoleConfig {
  local: boolean;
  oidc?: { issuer: string; client_id: string; scope: string; audience: string | null };
}

export async function fetchConfig(): Promise<ConsoleConfig> {
  const response = await fetch('/console/config.json').catch(() => {
    throw new ApiProblem(0);
  });
  if (!response.ok) throw new ApiProblem(response.status);
  return response.json();
}

export const useConfig = () =>
  useQuery({ queryKey: ['config'], queryFn: fetchConfig, staleTime: Number.POSITIVE_INFINITY });

export interface LocalPeople {
  companies: { id: string; name: string; is_demo: boolean; people: { id: string; name: string; role: string }[] }[];
}

/** Local mode only: endpoints that exist nowhere else. */
export async function askLocal<T>(path: string, body?: unknown): Promise<T> {
  const response = await fetch(`/console/local/${path}`, {
    ...(body !== undefined && {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    }),
  }).catch(() => {
    throw new ApiProblem(0);
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new ApiProblem(response.status, answer);
  return answer.data;
}
