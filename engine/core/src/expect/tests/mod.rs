mod judging;
mod reading;
