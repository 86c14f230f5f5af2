// As good as nothing: counts its own launches, so that each is seen to have run.
@group(0) @binding(0) var<storage, read_write> count: array<u32, 1>;

@compute @workgroup_size(1)
fn once() {
    count[0] += 1u;
}
