/** Local mode: be anybody of any company here. */
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { askLocal, type LocalPeople } from '../lib/config.ts';
import { useMe } from '../lib/me.ts';
import { setSession } from '../lib/session.ts';
import { ROLES } from '../lib/words.ts';
import { Button, Empty, FormProblem, Loaded, Select } from '../ui/kit.tsx';

type Who = { role: string; company_id?: string; user_id?: string };

export function RoleSwitch({ onDone }: { onDone?: () => void }) {
  const people = useQuery({ queryKey: ['local-people'], queryFn: () => askLocal<LocalPeople>('people'), staleTime: 0 });
  const signIn = useMutation({
    mutationFn: (who: Who) => askLocal<{ token: string }>('token', who),
    onSuccess: ({ token }) => {
      setSession({ token, kind: 'local' });
      onDone?.();
    },
  });
  const me = useMe().data;
  const [chosen, setChosen] = useState<string>();
  return (
    <Loaded query={people}>
      {({ companies }) => {
        const id = chosen ?? me?.company_id ?? companies[0]?.id;
        const company = companies.find((each) => each.id === id) ?? companies[0];
        return (
          <div className="role-switch">
            {company ? (
              <>
                <Select
                  label="Company"
                  value={company.id}
                  onChange={setChosen}
                  options={companies.map(
                    ({ id, name, is_demo }) => [id, `${name} (${id}${is_demo ? ', demo' : ''})`] as const,
                  )}
                />
                <ul className="people">
                  {ordered(company.people).map((person) => (
                    <li key={person.id}>
                      <Button
                        isDisabled={signIn.isPending}
                        onPress={() => signIn.mutate({ role: person.role, company_id: company.id, user_id: person.id })}
                      >
                        <span>{person.name}</span>
                        <small>{ROLES[person.role as keyof typeof ROLES]}</small>
                      </Button>
                    </li>
                  ))}
                </ul>
                {company.people.length === 0 && (
                  <ul className="people">
                    {(['manager', 'csr', 'sales_rep', 'executive'] as const).map((role) => (
                      <li key={role}>
                        <Button
                          isDisabled={signIn.isPending}
                          onPress={() => signIn.mutate({ role, company_id: company.id })}
                        >
                          <span>Somebody</span>
                          <small>{ROLES[role]}</small>
                        </Button>
                      </li>
                    ))}
                  </ul>
                )}
              </>
            ) : (
              <Empty title="No company yet">
                Sign in as admin and create one, or run <code>npm run demo</code>.
              </Empty>
            )}
            <Button
              isDisabled={signIn.isPending}
              onPress={() => signIn.mutate({ role: 'admin', user_id: 'local_admin' })}
            >
              <span>Admin of all companies</span>
              <small>sets companies up; sees no calls</small>
            </Button>
            <FormProblem problem={signIn.error} />
          </div>
        );
      }}
    </Loaded>
  );
}

const ORDER = ['manager', 'csr', 'sales_rep', 'executive', 'admin'];
const ordered = (people: LocalPeople['companies'][number]['people']) =>
  [...people].sort((a, b) => ORDER.indexOf(a.role) - ORDER.indexOf(b.role) || a.name.localeCompare(b.name));
