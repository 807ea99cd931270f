import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import './app.css';
import { ApiProblem } from './lib/api.ts';
import { consumeTokenLink } from './lib/session.ts';
import { applyTheme } from './lib/theme.ts';
import { router } from './router.tsx';

const RETRY_MAX_MS = 8000;
const isTransient = (error: unknown) => error instanceof ApiProblem && error.isTransient;

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // What may pass is asked again until it has; the page says so meanwhile.
      retry: (_, error) => isTransient(error),
      retryDelay: (attempt) => Math.min(500 * 2 ** attempt, RETRY_MAX_MS),
      networkMode: 'always',
      staleTime: 10_000,
      refetchOnWindowFocus: true,
    },
    // A change is sent once: who pressed the button decides about again.
    mutations: { retry: false, networkMode: 'always' },
  },
});

consumeTokenLink();
applyTheme();
// A link with a token that is opened in a tab that shows the console already changes the hash alone.
addEventListener('hashchange', consumeTokenLink);

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
