export const DayPage = () => null;
