mod judging;
mod loads;
mod reading;
