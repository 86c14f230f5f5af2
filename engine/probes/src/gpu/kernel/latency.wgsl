// One thread walks along indices, each found by the load before. The host repeats the `#each` line.
@group(0) @binding(0) var<uniform> trips: u32;
@group(0) @binding(1) var<storage, read> next: array<u32>;
@group(0) @binding(2) var<storage, read_write> place: array<u32, 1>;

@compute @workgroup_size(1)
fn walk() {
    var at = place[0];
    for (var trip = 0u; trip < trips; trip += 1u) {
        #each LOADS at = next[at];
    }
    place[0] = at;
}
