/** The signed-in person, what the role may open, and the names of colleagues. */
import { useQuery } from '@tanstack/react-query';
import { api, type Me, type Role, unwrap } from './api.ts';
import { setCompanyZone } from './format.ts';
import { useSession } from './session.ts';

export const useMe = () => {
  const session = useSession();
  return useQuery({
    queryKey: ['me'],
    queryFn: async () => {
      const me = await unwrap(api.GET('/api/v1/me'));
      setCompanyZone(me.company?.time_zone);
      return me;
    },
    staleTime: 300_000,
    enabled: session !== null,
  });
};

/** For pages below the shell, which shows them only once this is known. */
export function useKnownMe(): Me {
  const { data } = useMe();
  if (!data) throw new Error('nobody is signed in');
  return data;
}

const CAN = {
  'read calls': ['csr', 'sales_rep', 'manager', 'executive'],
  'work follow-ups': ['csr', 'manager'],
  'see follow-ups': ['csr', 'manager', 'executive'],
  'correct analyses': ['manager'],
  'write leads': ['csr', 'manager'],
  'write appointments': ['csr', 'manager'],
  'record visits': ['sales_rep'],
  'see visits': ['sales_rep', 'manager', 'executive'],
  'see users': ['csr', 'manager', 'executive', 'admin'],
  'see operations': ['manager', 'executive', 'admin'],
  operate: ['manager', 'admin'],
  'see companies': ['manager', 'admin'],
  'set up companies': ['admin'],
  'see company numbers': ['manager', 'executive'],
  'write scorecards': ['manager', 'admin'],
} as const satisfies Record<string, readonly Role[]>;
export type Ability = keyof typeof CAN;

export const can = (role: Role, ability: Ability): boolean => (CAN[ability] as readonly Role[]).includes(role);

export function useCan(): (ability: Ability) => boolean {
  const { role } = useKnownMe();
  return (ability) => can(role, ability);
}

/** People of the company, by id; empty where the role may not see them. */
export function useUsers() {
  const me = useKnownMe();
  const companyId = me.company_id ?? '';
  return useQuery({
    queryKey: ['users', companyId],
    enabled: companyId !== '' && can(me.role, 'see users'),
    staleTime: 300_000,
    queryFn: () =>
      unwrap(
        api.GET('/api/v1/companies/{id}/users', { params: { path: { id: companyId }, query: { limit: 200 } } }),
      ).then(({ items }) => items),
  });
}

/** @returns a name for a user's id: theirs, one's own, or the id */
export function useNameOf(): (id: string | null | undefined) => string {
  const me = useKnownMe();
  const { data: users } = useUsers();
  return (id) => {
    if (!id) return 'Nobody';
    if (id === me.user_id) return me.name ?? 'You';
    return users?.find((user) => user.id === id)?.name ?? id;
  };
}
