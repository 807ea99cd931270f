export const CompaniesPage = () => null;
export const CompanyPage = () => null;
